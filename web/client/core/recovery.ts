// When a connection is helped: first by new ICE credentials, then by building it anew, until media flows again. Pure.

export type Help = "none" | "restart" | "rebuild";

const SUSPECT_MS = 1_500;
const RESTART_MS = 4_000;
const FIRST_MS = 4_000;
const LONGEST_MS = 15_000;

export class Recovery {
  #stage: "well" | "suspected" | "restarted" | "rebuilt" = "well";
  #since = 0;
  #wait = FIRST_MS;

  get well(): boolean {
    return this.#stage === "well";
  }

  /** Something may have cut the path: another network, a sleep. Helped unless media goes on within a moment. */
  suspect(at: number): void {
    if (this.#stage === "well") this.#enter("suspected", at);
  }

  /** The path is cut, for certain. */
  broken(at: number): void {
    if (this.#stage === "well" || this.#stage === "suspected") this.#enter("suspected", at - SUSPECT_MS);
  }

  /** Media was decoded, or acknowledged by the other side. */
  flows(at: number): void {
    if (this.#stage !== "well" && at > this.#since) this.#enter("well", at);
  }

  /** It was built anew for another reason: wait for it. */
  rebuilt(at: number): void {
    this.#wait = FIRST_MS;
    this.#enter("rebuilt", at);
  }

  /** What to do now; asked about every second. */
  next(at: number): Help {
    const passed = at - this.#since;
    if (this.#stage === "suspected" && passed >= SUSPECT_MS) {
      this.#enter("restarted", at);
      return "restart";
    }
    if (this.#stage === "restarted" && passed >= RESTART_MS) {
      this.#wait = FIRST_MS;
      this.#enter("rebuilt", at);
      return "rebuild";
    }
    if (this.#stage === "rebuilt" && passed >= this.#wait) {
      this.#wait = Math.min(LONGEST_MS, this.#wait * 2);
      this.#since = at;
      return "rebuild";
    }
    return "none";
  }

  #enter(stage: "well" | "suspected" | "restarted" | "rebuilt", at: number): void {
    this.#stage = stage;
    this.#since = at;
  }
}
