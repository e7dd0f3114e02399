// Numbered advice beside the call: comes in as the other side gives, changes or reads it back. What nobody has read back
// yet is counted on the tab, and brings the list forward once, so that it is not missed behind the note.

import { follow } from "../fragments.ts";

const AGAIN_MS = 3_000;

export class AdviceDesk {
  readonly #pair: HTMLElement;
  readonly #list: HTMLElement;
  readonly #address: string;
  #looking = false;
  #changes = 0;
  #open: number;

  constructor(pair: HTMLElement, consultId: string) {
    this.#pair = pair;
    this.#list = pair.querySelector("#advice-list") as HTMLElement;
    this.#address = `/consults/${consultId}/advice`;
    for (const button of pair.querySelectorAll<HTMLButtonElement>("button[data-show]")) {
      button.addEventListener("click", () => this.#show(button.dataset["show"] ?? "note"));
    }
    this.#open = this.#unread();
    this.#list.addEventListener("fragment", () => this.#count());
  }

  /** Something of it changed, or may have while the line was cut. */
  async look(): Promise<void> {
    this.#changes++;
    if (this.#looking) return;
    this.#looking = true;
    try {
      for (let seen = 0; seen !== this.#changes; ) {
        seen = this.#changes;
        const mark = this.#list.firstElementChild;
        if (mark === null) return;
        while (!(await follow(this.#list, mark, this.#address))) await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    } finally {
      this.#looking = false;
    }
  }

  #unread(): number {
    return Number(this.#list.querySelector<HTMLElement>("[data-open]")?.dataset["open"] ?? 0);
  }

  #count(): void {
    const open = this.#unread();
    for (const count of document.querySelectorAll<HTMLElement>("[data-advice-count]")) {
      count.textContent = String(open);
      count.hidden = open === 0;
    }
    // Who writes the note is not taken away from it.
    if (open > this.#open && !this.#pair.contains(document.activeElement)) this.#show("advice");
    this.#open = open;
  }

  #show(what: string): void {
    this.#pair.dataset["show"] = what;
    for (const button of this.#pair.querySelectorAll<HTMLElement>("button[data-show]")) {
      button.setAttribute("aria-pressed", String(button.dataset["show"] === what));
    }
  }
}
