// Who has the case: handing it over, pausing it for another, and what the others in the room read of it.

import type { Connection } from "../core/connection.ts";
import { heldNow, pausedNow } from "../core/holding.ts";
import type { LogEntry, Role } from "../core/protocol.ts";
import { load } from "../fragments.ts";
import { clock, element, icon, say } from "../words.ts";

function find<T extends HTMLElement>(selector: string): T | null {
  return document.querySelector<T>(selector);
}

const reason = (error: unknown) => (error instanceof Error ? error.message : "");

export interface Leaving {
  /** Say something for a moment. */
  note(message: string): void;
  /** End the media of this page and say why, with the way back. */
  stop(message: string): void;
  /** Go to another page. */
  go(address: string): void;
}

/** The specialist's own acts. */
export function startHandover(connection: Connection, consultId: string, leaving: Leaving): void {
  const dialog = find<HTMLDialogElement>("#handover-dialog");
  find("#hand-over")?.addEventListener("click", () => {
    find("#more")?.removeAttribute("open");
    const choice = find("#colleague");
    if (choice) void load(choice, `/consults/${consultId}/colleagues`);
    dialog?.showModal();
  });
  find<HTMLFormElement>("#handover-form")?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const problem = find("#handover-problem") as HTMLElement;
    try {
      const to = String(new FormData(event.target as HTMLFormElement).get("staff_id") ?? "");
      await connection.call("offer_handover", { consult_id: consultId, staff_id: to });
      problem.textContent = "";
      dialog?.close();
    } catch (error) {
      problem.textContent = reason(error);
    }
  });
  find("#withdraw-handover")?.addEventListener("click", () => {
    find("#more")?.removeAttribute("open");
    connection.call("withdraw_handover", { consult_id: consultId }).catch((error: unknown) => leaving.note(reason(error)));
  });
  find("#pause-consult")?.addEventListener("click", () => {
    find("#more")?.removeAttribute("open");
    connection.call("pause_consult", { consult_id: consultId }).catch((error: unknown) => leaving.note(reason(error)));
  });
}

/** Entries that are read out for a moment when they come. */
const TOLD = ["handed_over", "handover_offered", "handover_declined", "handover_withdrawn"];

/** What the log says of who has the case, for the page of everybody in the room. `shown` is the page's own number. */
export class Holding {
  readonly #role: Role;
  readonly #consultId: string;
  readonly #shown: number;
  readonly #leaving: Leaving;
  #told = 0;

  constructor(role: Role, consultId: string, shown: number, leaving: Leaving) {
    this.#role = role;
    this.#consultId = consultId;
    this.#shown = shown;
    this.#leaving = leaving;
  }

  follow(entries: readonly LogEntry[]): void {
    if (!heldNow(entries)) {
      this.#leaving.go(this.#role === "requester" ? `/requests/${this.#consultId}` : "/");
      return;
    }
    const handed = entries.filter((entry) => entry.kind === "handed_over" && entry.number > this.#shown).at(-1);
    if (handed && this.#role === "specialist") {
      this.#leaving.go(location.pathname);
      return;
    }
    const after = Math.max(this.#told, this.#shown);
    const told = entries.filter((entry) => TOLD.includes(entry.kind) && entry.number > after).at(-1);
    if (told) {
      this.#told = told.number;
      this.#leaving.note(told.text);
    }
    this.#showPause(pausedNow(entries));
  }

  #showPause(paused: LogEntry | null): void {
    const notice = find("#pause-notice");
    if (notice === null) return;
    if (paused !== null && this.#role === "specialist") {
      if (paused.number > this.#shown) this.#leaving.stop(say("paused_own"));
      return;
    }
    notice.hidden = paused === null;
    if (paused !== null) notice.replaceChildren(icon("clock"), element("p", {}, say("paused_by", { name: paused.actor_name ?? "", time: clock(paused.at, true) })));
  }
}
