// Acting on a request: the dialog with its form, opened by a press, a key or a drop. What is done there is a form of its own.

import { load } from "../fragments.ts";

const KEYS: Record<string, string> = { Enter: "reason", r: "to", e: "reason", n: "note" };

export class Acting {
  readonly #dialog: HTMLDialogElement;
  readonly #body: HTMLElement;
  #back: HTMLElement | null = null;

  constructor(board: HTMLElement, dialog: HTMLDialogElement, bar: HTMLElement) {
    this.#dialog = dialog;
    this.#body = dialog.querySelector("#act-body") as HTMLElement;
    board.addEventListener("click", (event) => {
      const button = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-act-on]") : null;
      if (button) void this.#open(button.dataset["actOn"] ?? "", "reason");
    });
    board.addEventListener("keydown", (event) => {
      const row = event.target;
      if (!(row instanceof HTMLElement) || row.dataset["consult"] === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
      const field = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
      if (field === undefined) return;
      event.preventDefault();
      void this.#open(row.dataset["consult"], field);
    });
    dialog.addEventListener("close", () => {
      this.#body.replaceChildren();
      this.#back?.focus({ preventScroll: true });
      this.#back = null;
    });
    this.#body.addEventListener("fragment", () => this.#dress());
    this.#body.addEventListener("click", (event) => {
      if (event.target instanceof Element && event.target.closest("[data-close]")) dialog.close();
    });
    this.#drags(board, bar);
  }

  #drags(board: HTMLElement, bar: HTMLElement): void {
    let dragged: string | null = null;
    const over = (target: EventTarget | null) => (target instanceof Element ? target.closest<HTMLElement>("[data-drop], [data-staff]") : null);
    board.addEventListener("dragstart", (event) => {
      const row = event.target instanceof HTMLElement ? event.target.closest<HTMLElement>("[data-consult]") : null;
      if (row === null) return;
      dragged = row.dataset["consult"] ?? null;
      event.dataTransfer?.setData("text/plain", dragged ?? "");
      // Shown a moment later: a layout that changes as a drag begins ends it in some browsers.
      setTimeout(() => {
        bar.hidden = dragged === null;
      });
    });
    board.addEventListener("dragover", (event) => {
      if (dragged !== null && over(event.target) !== null) event.preventDefault();
    });
    board.addEventListener("drop", (event) => {
      const place = over(event.target);
      if (dragged === null || place === null) return;
      event.preventDefault();
      const fields: Record<string, string> = { ring: "to", urgency: "reason", note: "note" };
      void this.#open(dragged, fields[place.dataset["drop"] ?? ""] ?? "reason", place.dataset["staff"]);
    });
    board.addEventListener("dragend", () => {
      dragged = null;
      bar.hidden = true;
    });
  }

  async #open(consultId: string, field: string, to?: string): Promise<void> {
    if (!this.#dialog.open) {
      this.#back = document.activeElement instanceof HTMLElement ? document.activeElement : null;
      this.#dialog.showModal();
    }
    await load(this.#body, `/coordinator/requests/${consultId}${to ? `?to=${to}` : ""}`);
    const wanted = this.#body.querySelector<HTMLElement>(`[name="${field}"]`) ?? this.#body.querySelector<HTMLElement>("[name=note]");
    wanted?.focus();
  }

  #dress(): void {
    const close = this.#body.querySelector<HTMLElement>("[data-close]");
    if (close) close.hidden = false;
  }
}
