// The thread of a consult that takes no more words: its pictures open with what was drawn on them.

import { DrawingBoard } from "../thread/drawing_board.ts";

const thread = document.querySelector<HTMLElement>("#thread");
if (thread) new DrawingBoard(thread.dataset["consultId"] ?? "", thread, null);
