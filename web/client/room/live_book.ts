// The book beside the call, kept up to date: what was added comes in by itself, the place where one reads stays.

import type { LogEntry } from "../core/protocol.ts";
import { load } from "../fragments.ts";
import { element, say } from "../words.ts";

/** After that long in sight something counts as seen. */
const SEEN_MS = 20_000;
const SEEN = "hoichan.seen";
const KINDS = new Set(["added", "addition_withdrawn", "identity_changed", "sheet_answered", "scored", "examined"]);

export class LiveBook {
  readonly #book: HTMLElement;
  readonly #address: string;
  readonly #news: Element | null;
  readonly #turned: () => void;
  readonly #sight: IntersectionObserver;
  readonly #timers = new Map<Element, ReturnType<typeof setTimeout>>();
  #last: number | null = null;
  #loading: Promise<void> = Promise.resolve();

  /** `turned` is called when the consult's identity has changed. */
  constructor(book: HTMLElement, consultId: string, turned: () => void) {
    this.#turned = turned;
    this.#book = book;
    this.#address = `/consults/${consultId}/book`;
    this.#news = document.querySelector("#book-news");
    this.#sight = new IntersectionObserver((entries) => entries.forEach((entry) => this.#seen(entry)), { threshold: 0.6 });
    book.addEventListener("fragment", () => this.#watch());
    this.#watch();
  }

  /** The consult's log as it is now; what came after `opened`, the number at which the page was made, is news. */
  follow(entries: readonly LogEntry[], opened: number): void {
    const fresh = entries.filter((entry) => entry.number > (this.#last ?? opened) && KINDS.has(entry.kind));
    const last = entries.at(-1)?.number;
    if (last !== undefined) this.#last = Math.max(this.#last ?? 0, last);
    const newest = fresh.at(-1);
    if (newest === undefined) return;
    const whole = fresh.some((entry) => entry.kind === "identity_changed");
    // A closed panel has no live part, and stays closed whatever is added.
    if (whole) this.#turned();
    if (!whole && this.#book.querySelector("[data-live]") === null) return;
    if (whole) this.#turn();
    this.#loading = this.#loading.then(() => (whole ? load(this.#book, this.#address) : this.#refresh()));
    void this.#loading.then(() => {
      if (this.#news) this.#news.textContent = newest.text;
    });
  }

  /** Nothing of one person's book stays in sight while another's is on its way, however long that takes. */
  #turn(): void {
    const again = element("a", { class: "button", href: this.#address, "data-fragment-target": "#book" }, say("look_again"));
    this.#book.replaceChildren(element("section", {}, element("p", { role: "status" }, say("book_changing")), again));
  }

  /** Put fresh parts in the place of the old ones; all else, with what is typed and how far one read, is left alone. */
  async #refresh(): Promise<void> {
    const tab = this.#book.querySelector<HTMLAnchorElement>(".tabs [aria-current]")?.href ?? this.#address;
    let response: Response;
    try {
      response = await fetch(tab, { headers: { "X-Fragment": "1" } });
    } catch {
      return; // the line is cut; the log is read again when it is back
    }
    if (!response.ok || response.headers.get("X-Fragment") === null) return;
    const fresh = document.createElement("template");
    fresh.innerHTML = await response.text();
    for (const part of this.#book.querySelectorAll<HTMLElement>("[data-live]")) {
      const next = fresh.content.querySelector(`[data-live="${CSS.escape(part.dataset["live"] ?? "")}"]`);
      if (next !== null && !part.contains(document.activeElement)) this.#exchange(part, next);
      else if (next !== null && part.innerHTML !== next.innerHTML) this.#exchange(part, next, true);
    }
    this.#watch();
    this.#book.dispatchEvent(new CustomEvent("parts"));
  }

  #exchange(part: Element, next: Element, focused = false): void {
    // Pictures that are here already are not fetched a second time over a thin line.
    for (const image of next.querySelectorAll("img")) {
      const known = part.querySelector(`img[src="${CSS.escape(image.getAttribute("src") ?? "")}"]`);
      if (known) image.replaceWith(known);
    }
    const held = focused ? holder(document.activeElement) : "";
    part.replaceWith(next);
    if (held !== "") document.querySelector<HTMLElement>(held)?.focus({ preventScroll: true });
  }

  #watch(): void {
    const seen = new Set(sessionStorage.getItem(SEEN)?.split(" "));
    for (const item of this.#book.querySelectorAll<HTMLElement>("[data-new]")) {
      if (seen.has(item.dataset["addition"] ?? "")) old(item);
      else this.#sight.observe(item);
    }
  }

  #seen(entry: IntersectionObserverEntry): void {
    clearTimeout(this.#timers.get(entry.target));
    if (!entry.isIntersecting) return;
    const item = entry.target as HTMLElement;
    const look = () => {
      if (document.visibilityState !== "visible") {
        this.#timers.set(item, setTimeout(look, SEEN_MS));
        return;
      }
      this.#sight.unobserve(item);
      this.#timers.delete(item);
      const known = sessionStorage.getItem(SEEN)?.split(" ").slice(-200) ?? [];
      sessionStorage.setItem(SEEN, [...known, item.dataset["addition"] ?? ""].join(" "));
      old(item);
    };
    this.#timers.set(item, setTimeout(look, SEEN_MS));
  }
}

/** Take the mark off. */
function old(item: HTMLElement): void {
  delete item.dataset["new"];
  item.querySelector(".chip.new")?.remove();
}

/** A selector for what has the focus, where it has an address or an id. */
function holder(focused: Element | null): string {
  if (focused?.id) return `#${CSS.escape(focused.id)}`;
  const href = focused?.getAttribute("href");
  return href ? `#book [href="${CSS.escape(href)}"]` : "";
}
