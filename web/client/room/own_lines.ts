// One's own lines of the room's chat: sent in order and once, and kept sealed in this browser until the server has them.
// It is the outbox of the consult's page: what this page could not send goes out from there, and the other way round.

import { CallError, type Connection } from "../core/connection.ts";
import { Outbox, type Line } from "../core/outbox.ts";
import { ownCopies } from "../thread/own_copies.ts";

const AGAIN_MS = 2_000;
/** What says nothing of the line itself: it stays and goes again. */
const PASSING = new Set(["offline", "event.too_many", "event.timeout", "internal", "room.not_joined"]);

function passes(error: unknown): boolean {
  return !(error instanceof CallError) || PASSING.has(error.code) || error.code.startsWith("session.") || error.code.endsWith("unavailable");
}

export class OwnLines {
  readonly #connection: Connection;
  readonly #consultId: string;
  readonly #refused: (message: string) => void;
  #outbox: Outbox;
  #open = false;
  #flushing = false;
  #again: ReturnType<typeof setTimeout> | undefined;

  /** `refused` is told why a line was not taken; `left` is given what an earlier page could not send. */
  constructor(connection: Connection, consultId: string, refused: (message: string) => void, left: (lines: readonly Line[]) => void) {
    this.#connection = connection;
    this.#consultId = consultId;
    this.#refused = refused;
    this.#outbox = new Outbox(consultId, null);
    void this.#restore(left);
  }

  add(line: Line): void {
    void this.#outbox.add(line);
    void this.flush();
  }

  /** Whether the room takes lines now. */
  set open(open: boolean) {
    this.#open = open;
    void this.flush();
  }

  async flush(): Promise<void> {
    if (this.#flushing || !this.#open) return;
    this.#flushing = true;
    clearTimeout(this.#again);
    const outbox = this.#outbox;
    const sent = await outbox.flush((line) => this.#send(line));
    this.#flushing = false;
    // What an earlier page left came meanwhile: it has its turn, too.
    if (!sent || outbox !== this.#outbox) this.#again = setTimeout(() => void this.flush(), AGAIN_MS);
  }

  async #restore(left: (lines: readonly Line[]) => void): Promise<void> {
    const kept = new Outbox(this.#consultId, await ownCopies());
    left(await kept.restore());
    for (const typed of this.#outbox.lines) void kept.add(typed);
    this.#outbox = kept;
    await this.flush();
  }

  async #send(line: Line): Promise<boolean> {
    try {
      await this.#connection.call("send_chat", { consult_id: this.#consultId, text: line.text, client_id: line.client_id });
    } catch (error) {
      if (passes(error)) return false;
      // It stays on the page as not sent, so that nothing that was written is lost.
      this.#refused((error as CallError).message);
    }
    return true;
  }
}
