// The book on a page of its own, beside no call.

import { startBook } from "../book.ts";

const book = document.querySelector<HTMLElement>("#book");
if (book) startBook(book);
