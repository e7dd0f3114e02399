// The page of minutes: its form is kept as one writes, and signatures outlive a broken line.

import { signing } from "../minutes/signing.ts";
import { Writing } from "../minutes/writing.ts";

const form = document.querySelector<HTMLFormElement>("#minutes-form");
if (form) new Writing(form);
for (const one of document.querySelectorAll<HTMLFormElement>("#sign-minutes, #add-minutes")) signing(one);
