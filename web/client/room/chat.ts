// The room's chat: what was kept, and one's own lines that are still on their way.

import { clientKey } from "../core/protocol.ts";
import type { PendingLine, RoomState } from "../core/room_state.ts";
import { line as threadLine, type Entry } from "../thread/entries.ts";
import { clock, element, say } from "../words.ts";

export class Chat {
  readonly #files: { number: number; row: HTMLElement }[] = [];
  readonly #list: HTMLElement;
  readonly #count: HTMLElement | null;
  #shown = 0;

  /** `send` is called with each new line; it shows as pending until `show` has it kept. */
  constructor(root: HTMLElement, send: (line: PendingLine) => void) {
    this.#list = root.querySelector("#chat-list") as HTMLElement;
    this.#count = document.querySelector("#chat-count");
    const form = root.querySelector("form") as HTMLFormElement;
    const input = form.elements.namedItem("text") as HTMLInputElement;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const text = input.value.trim();
      if (text === "") return;
      input.value = "";
      send({ client_id: clientKey(), text });
    });
    root.addEventListener("focusin", () => this.#read());
  }

  /** What was sent into the thread besides text; a row that is shown already stays, for it may be playing. */
  attach(consultId: string, entries: readonly Entry[], self: string): void {
    const known = new Set(this.#files.map(({ number }) => number));
    for (const entry of entries) {
      if (entry.attachment && !known.has(entry.number)) this.#files.push({ number: entry.number, row: threadLine(consultId, entry, self) });
    }
  }

  #read(): void {
    if (this.#count) this.#count.hidden = true;
  }

  show(state: RoomState, selfStaffId: string | undefined): void {
    const said = state.chat.map((line) => ({
      number: line.number,
      row: element("li", { "data-number": String(line.number) }, element("strong", {}, line.sender_id === selfStaffId ? say("me") : line.sender_name), element("small", { class: "meta" }, clock(line.at)), element("br"), line.text),
    }));
    const kept = [...said, ...this.#files].sort((one, other) => one.number - other.number).map(({ row }) => row);
    const pending = state.pending.map((line) =>
      element("li", { "data-pending": "" }, element("strong", {}, say("me")), element("small", { class: "meta" }, say("not_sent")), element("br"), line.text),
    );
    this.#list.replaceChildren(...kept, ...pending);
    if (kept.length !== this.#shown) {
      const news = kept.length - this.#shown;
      this.#shown = kept.length;
      const box = this.#list.closest(".drawer-body");
      if (box) box.scrollTop = box.scrollHeight;
      const last = state.chat[state.chat.length - 1];
      if (this.#count && news > 0 && last && last.sender_id !== selfStaffId && !this.#list.closest(".drawer")?.contains(document.activeElement)) {
        this.#count.textContent = String(Number(this.#count.hidden ? 0 : this.#count.textContent) + 1);
        this.#count.hidden = false;
      }
    }
  }
}
