// What one's own line carries upward, by the browser's own estimate. Pure: bits a second in, a rung out.
//
// The browser itself chooses among layers, and drops the larger ones on a thin line. What it does not do by itself is to
// go down to stills, to keep to sound, and to try again later: an estimate does not grow while little is sent.

import type { Rung } from "./protocol.ts";

const STILLS_BELOW = 110_000;
const SOUND_BELOW = 50_000;
const MOVES_ABOVE = 180_000;
const DOWN_MS = 2_000;
const TRIAL_MS = 5_000;
const FIRST_TRIAL_MS = 8_000;
const LONGEST_MS = 30_000;

export class UplinkJudge {
  /** `hd`: whatever the browser finds fit; `stills`; `audio`. */
  rung: Rung = "hd";
  #since = 0;
  #lowSince: number | null = null;
  #trial = false;
  #wait = FIRST_TRIAL_MS;

  /** `available` in bits a second, or null when the browser does not tell. Asked about every second. */
  judge(at: number, available: number | null): Rung {
    if (available === null) return this.rung;
    const floor = this.rung === "hd" ? STILLS_BELOW : SOUND_BELOW;
    if (available >= floor || this.rung === "audio") this.#lowSince = null;
    else this.#lowSince ??= at;
    if (this.rung !== "hd" && available > MOVES_ABOVE) return this.#go("hd", at);
    if (this.#lowSince !== null && at - this.#lowSince >= DOWN_MS) {
      // A trial that failed is not repeated soon.
      if (this.#trial) this.#wait = Math.min(LONGEST_MS, this.#wait * 1.5);
      return this.#go(this.rung === "hd" ? "stills" : "audio", at);
    }
    const rests = at - this.#since;
    if (this.rung === "hd") {
      if (rests > TRIAL_MS) this.#trial = false;
      if (rests > LONGEST_MS) this.#wait = FIRST_TRIAL_MS;
    } else if (rests >= this.#wait) {
      this.#trial = true;
      return this.#go(this.rung === "audio" ? "stills" : "hd", at);
    }
    return this.rung;
  }

  #go(rung: Rung, at: number): Rung {
    this.rung = rung;
    this.#since = at;
    this.#lowSince = null;
    return rung;
  }
}
