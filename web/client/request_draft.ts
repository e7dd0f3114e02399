// The draft of a request: kept on the server as one types, and sealed in this browser for as long as the server has not
// answered. A reload, another terminal or a crash brings it back.

import { token } from "./adding/sending.ts";
import { draftIn, draftOf, type Pairs } from "./core/draft.ts";
import { ownCopies } from "./thread/own_copies.ts";

const PAUSE_MS = 1_200;

export class RequestDraft {
  readonly #id: string;
  readonly #kept: (at: string, offline: boolean) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #newest: Pairs = [];
  #saving: AbortController | null = null;
  #done = false;

  /** `kept` is told when and where it was kept. */
  constructor(id: string, kept: (at: string, offline: boolean) => void) {
    this.#id = id;
    this.#kept = kept;
    window.addEventListener("pagehide", () => this.#timer !== undefined && void this.#save(true));
  }

  get #copy(): string {
    return `request.${this.#id}`;
  }

  /** `now`: do not wait for a pause in typing. */
  keep(pairs: Pairs, now = false): void {
    this.#newest = draftOf(pairs);
    if (this.#done || this.#newest.length === 0) return;
    // The page's address says which draft it is, so that a reload asks the server for it.
    const address = new URL(location.href);
    if (address.searchParams.get("draft") !== this.#id) {
      address.searchParams.set("draft", this.#id);
      history.replaceState(null, "", address);
    }
    void ownCopies().then((copies) => copies?.keep(this.#copy, JSON.stringify(this.#newest)));
    clearTimeout(this.#timer);
    if (now) void this.#save(true);
    else this.#timer = setTimeout(() => void this.#save(), PAUSE_MS);
  }

  /** Stop keeping: the request itself goes out, and waits for nothing. `keep` begins anew. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#saving?.abort();
  }

  /** `leaving`: the page may be gone before the answer. */
  async #save(leaving = false): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#saving?.abort(); // what is older must not arrive after it
    const saving = (this.#saving = new AbortController());
    const sent = this.#newest;
    const body = new URLSearchParams(sent.map(([name, value]) => [name, value]));
    const headers = { Accept: "application/json", "X-CSRF-Token": token() };
    const response = await fetch(`/drafts/${this.#id}`, { method: "PUT", headers, body, keepalive: leaving, signal: saving.signal }).catch(() => null);
    if (this.#done || saving.signal.aborted) return;
    if (response?.ok) {
      if (sent === this.#newest) (await ownCopies())?.drop(this.#copy);
    } else if (!response || response.status >= 500) this.#timer = setTimeout(() => void this.#save(), 4 * PAUSE_MS);
    this.#kept(new Date().toISOString(), !response?.ok);
  }

  /** What this browser still has of it and the server has not. */
  async left(): Promise<Pairs> {
    const copies = await ownCopies();
    return draftIn((await copies?.kept(this.#copy)) ?? null);
  }

  /** It was sent: the server forgets its own. */
  forget(): void {
    this.#done = true;
    this.stop();
    void ownCopies().then((copies) => copies?.drop(this.#copy));
  }
}
