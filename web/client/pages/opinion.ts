// The closing page: what was typed and not saved is kept in this browser, sealed under the person's sign-in, and is back
// after a reload. What was saved meanwhile, by whomever, is never written over: then the copy only stands beside it.

import { ownCopies } from "../thread/own_copies.ts";
import { clock, element, say } from "../words.ts";

const PAUSE_MS = 400;

interface Copy {
  version: string;
  text: string;
  at: string;
}

const form = document.querySelector("#opinion-form") as HTMLFormElement;
const text = form.elements.namedItem("text") as HTMLTextAreaElement;
const field = (name: string) => (form.elements.namedItem(name) as HTMLInputElement).value;
const name = `opinion.${form.dataset["consultId"] ?? ""}.${field("person")}`;
const note = document.querySelector("#kept") as HTMLElement;
const shown = text.value;

async function restore(): Promise<void> {
  const copies = await ownCopies();
  const sealed = await copies?.kept(name);
  if (!sealed) return;
  const kept = JSON.parse(sealed) as Copy;
  if (text.readOnly || kept.text === shown) {
    copies?.drop(name);
    return;
  }
  if (text.value !== shown) return; // one types already
  if (kept.version === field("version") && !text.hasAttribute("aria-invalid")) {
    text.value = kept.text;
    note.textContent = say("unsaved_back", { time: clock(kept.at, true) });
  } else {
    const put = element("button", { class: "button", type: "button" }, say("unsaved_put"));
    put.addEventListener("click", () => {
      text.value = kept.text;
      note.hidden = true;
      text.focus();
    });
    note.replaceChildren(element("span", {}, say("unsaved_other", { time: clock(kept.at, true) })), element("span", { class: "pre" }, kept.text), put);
  }
  note.hidden = false;
}

let timer: ReturnType<typeof setTimeout> | undefined;
async function keep(): Promise<void> {
  clearTimeout(timer);
  timer = undefined;
  const copies = await ownCopies();
  if (text.value === shown) copies?.drop(name);
  else await copies?.keep(name, JSON.stringify({ version: field("version"), text: text.value, at: new Date().toISOString() } satisfies Copy));
}

text.addEventListener("input", () => {
  timer ??= setTimeout(() => void keep(), PAUSE_MS);
});
window.addEventListener("pagehide", () => timer !== undefined && void keep());
void restore();
