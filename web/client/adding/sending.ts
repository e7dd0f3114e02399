// Sends additions and says in words how that went. What gets no answer stays in the page and goes again.

import { Waitlist, type Waiting } from "../core/additions.ts";

const AGAIN_MS = 3_000;

export interface Refusal {
  code: string;
  detail: string;
  field?: string;
}

/** What became of one try: kept by the server, refused by it, or without an answer. */
export type Outcome = { kind: "kept" } | { kind: "refused"; refusal: Refusal } | { kind: "unsent" };

export function token(): string {
  return document.querySelector<HTMLMetaElement>("meta[name=csrf]")?.content ?? "";
}

export async function post(address: string, body: BodyInit): Promise<Outcome> {
  let response: Response;
  try {
    response = await fetch(address, { method: "POST", headers: { Accept: "application/json", "X-CSRF-Token": token() }, body });
  } catch {
    return { kind: "unsent" };
  }
  if (response.ok) return { kind: "kept" };
  const refusal = (await response.json().catch(() => null)) as Refusal | null;
  // A server that is away, and a session that is locked, come back; everything else is an answer. A full disk is one too.
  const waits = (response.status >= 500 && !refusal?.code.startsWith("files.")) || response.status === 401 || response.status === 429;
  return waits || refusal === null ? { kind: "unsent" } : { kind: "refused", refusal };
}

/** Typed additions, in the order in which they were saved. */
export class Sender {
  readonly #list: Waitlist;
  readonly #address: string;
  readonly #told: (waiting: Waiting, outcome: Outcome) => void;
  #running = false;
  #again: ReturnType<typeof setTimeout> | undefined;

  constructor(list: Waitlist, address: string, told: (waiting: Waiting, outcome: Outcome) => void) {
    this.#list = list;
    this.#address = address;
    this.#told = told;
    window.addEventListener("online", () => void this.run());
  }

  send(waiting: Waiting): void {
    this.#list.add(waiting);
    void this.run();
  }

  get count(): number {
    return this.#list.all().length;
  }

  async run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    clearTimeout(this.#again);
    try {
      for (let [next] = this.#list.all(); next !== undefined; [next] = this.#list.all()) {
        const body = new URLSearchParams([...next.pairs.map(([name, value]) => [name, value]), ["key", next.key]]);
        const outcome = await post(this.#address, body);
        if (outcome.kind !== "unsent") this.#list.drop(next.key);
        this.#told(next, outcome);
        if (outcome.kind === "unsent") {
          this.#again = setTimeout(() => void this.run(), AGAIN_MS);
          return;
        }
      }
    } finally {
      this.#running = false;
    }
  }
}
