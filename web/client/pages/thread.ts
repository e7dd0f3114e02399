// The thread on a consult's page: read on as it grows, written to, and never losing a line, by plain HTTP.

import { token } from "../adding/sending.ts";
import { Outbox, type Line } from "../core/outbox.ts";
import { clientKey } from "../core/protocol.ts";
import { line, entriesAfter } from "../thread/entries.ts";
import { DrawingBoard } from "../thread/drawing_board.ts";
import { Files } from "../thread/files.ts";
import { ownCopies } from "../thread/own_copies.ts";
import { element, say } from "../words.ts";

const LOOK_MS = 4_000;

const root = document.querySelector("#thread") as HTMLElement;
const consultId = root.dataset["consultId"] ?? "";
const list = root.querySelector("#thread-list") as HTMLElement;
const form = root.querySelector("#thread-form") as HTMLFormElement;
const input = form.elements.namedItem("text") as HTMLInputElement;

let last = 0;
let looking = false;
let outbox = new Outbox(consultId, null);
/** Lines that the server refused, with its reason: they stay on the page, so that nothing that was written is lost. */
const refused: { text: string; reason: string }[] = [];

async function look(): Promise<void> {
  if (looking) return;
  looking = true;
  try {
    const page = await entriesAfter(consultId, last);
    if (page === null) return;
    if (last === 0) list.replaceChildren();
    for (const entry of page.entries) {
      last = entry.number;
      if (entry.sender_id === page.self) outbox.drop(entry.client_id);
      list.append(line(consultId, entry, page.self));
    }
    if (page.entries.length) showPending();
    if (last === 0) list.replaceChildren(element("li", { class: "hint" }, say("nothing_yet")));
  } finally {
    looking = false;
  }
}

function showPending(): void {
  for (const old of list.querySelectorAll("[data-pending]")) old.remove();
  for (const { text, reason } of [...refused, ...outbox.lines.map((waiting) => ({ text: waiting.text, reason: say("not_sent") }))]) {
    list.append(element("li", { "data-pending": "" }, element("strong", {}, say("me")), element("small", { class: "meta" }, reason), element("br"), text));
  }
}

async function send(waiting: Line): Promise<boolean> {
  const body = new URLSearchParams({ text: waiting.text, client_id: waiting.client_id });
  const headers = { Accept: "application/json", "X-CSRF-Token": token() };
  const response = await fetch(`/consults/${consultId}/thread`, { method: "POST", headers, body }).catch(() => null);
  if (response?.ok) return true;
  if (response && response.status < 500 && response.status !== 401 && response.status !== 429) {
    refused.push({ text: waiting.text, reason: ((await response.json().catch(() => ({}))) as { detail?: string }).detail ?? say("not_sent") });
    return true;
  }
  return false;
}

let flushing = false;
async function flush(): Promise<void> {
  if (flushing) return;
  flushing = true;
  const sent = await outbox.flush(send);
  flushing = false;
  showPending();
  if (sent) await look();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = input.value.trim();
  if (text === "") return;
  input.value = "";
  void outbox.add({ client_id: clientKey(), text });
  showPending();
  void flush();
});
new DrawingBoard(consultId, list, null);
new Files(consultId, root.querySelector("#sender") as HTMLElement, () => void look());

async function start(): Promise<void> {
  await look();
  const kept = new Outbox(consultId, await ownCopies());
  await kept.restore();
  for (const typed of outbox.lines) void kept.add(typed);
  outbox = kept;
  showPending();
  await flush();
  root.dataset["state"] = "live";
}

void start();
setInterval(() => {
  if (document.hidden) return;
  void look();
  if (outbox.lines.length) void flush();
}, LOOK_MS);
window.addEventListener("online", () => void flush());
