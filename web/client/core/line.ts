// Judges a line from what was decoded and heard, not from connection states. Pure: samples in, a word out.

import type { LineState } from "./protocol.ts";

/** Counters of one peer connection's incoming side at one moment; times in ms, counts since the connection began. */
export interface Sample {
  at: number;
  packets: number;
  lost: number;
  frames: number;
  audio: number;
  expectsVideo: boolean;
}

const STILL_MS = 3_000;
const WEAK_LOSS = 0.08;

export class LineJudge {
  #last: Sample | null = null;
  #movedAt = 0;
  #heardAt = 0;

  /** The word for the line since the last sample. Nothing is judged from the first one. */
  judge(sample: Sample): LineState {
    const before = this.#last;
    this.#last = sample;
    if (before === null || sample.packets < before.packets) {
      this.#movedAt = this.#heardAt = sample.at;
      return "good";
    }
    if (sample.frames > before.frames || !sample.expectsVideo) this.#movedAt = sample.at;
    if (sample.audio > before.audio) this.#heardAt = sample.at;
    const still = sample.at - this.#movedAt >= STILL_MS;
    const silent = sample.at - this.#heardAt >= STILL_MS;
    if (silent && (still || !sample.expectsVideo)) return "lost";
    const received = sample.packets - before.packets;
    const missing = Math.max(0, sample.lost - before.lost);
    const loss = received + missing === 0 ? 0 : missing / (received + missing);
    return still || loss > WEAK_LOSS ? "weak" : "good";
  }
}
