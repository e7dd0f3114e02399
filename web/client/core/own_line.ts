// What is said of one's own line. Pure: what is known of it in, words out.

import type { LineState, Rung } from "./protocol.ts";

const BACK_MS = 4_000;

export interface Known {
  at: number;
  judged: LineState;
  uplink: Rung;
  audioOnly: boolean;
}

/** `words` is the sentence over the picture, or nothing to say there; `short` the word in the room's head. */
export interface Said {
  words: string;
  short: string;
  seconds: number;
  tone: "ok" | "urgent" | "quiet";
}

/** Whether the line is cut, and since when. It is whole again only when something has been decoded after that. */
export class OwnLine {
  #cutAt: number | null = null;
  #joinedAt: number | null = null;
  #backAt: number | null = null;

  /** The socket broke, or nothing arrives any more. */
  cut(at: number): void {
    this.#cutAt ??= at;
    this.#joinedAt = null;
    this.#backAt = null;
  }

  /** The server answers again. */
  joined(at: number): void {
    this.#joinedAt = at;
  }

  /** Media was decoded, or there is nobody from whom any could come. */
  decoded(at: number): void {
    if (this.#cutAt === null || this.#joinedAt === null || at <= this.#joinedAt) return;
    this.#cutAt = this.#joinedAt = null;
    this.#backAt = at;
  }

  get isCut(): boolean {
    return this.#cutAt !== null;
  }

  say({ at, judged, uplink, audioOnly }: Known): Said {
    const weak = (words: string, short = "line_weak_short"): Said => ({ words, short, seconds: 0, tone: "urgent" });
    if (this.#cutAt !== null) {
      if (this.#joinedAt !== null) return weak("line_returning", "line_returning_short");
      return { words: "line_cut", short: "line_cut_short", seconds: Math.round((at - this.#cutAt) / 1000), tone: "urgent" };
    }
    if (judged === "lost") return weak("line_lost");
    // That it is back is said first, however weak it came back: the head's short word tells of that meanwhile.
    const back = this.#backAt !== null && at - this.#backAt < BACK_MS;
    if (!back && uplink !== "hd") return weak(`own_uplink_${uplink}`);
    if (!back && judged === "weak") return weak("line_weak");
    const isWeak = uplink !== "hd" || judged === "weak";
    const short = isWeak ? "line_weak_short" : audioOnly ? "line_audio_only" : "line_good";
    return { words: back ? "line_back" : "", short, seconds: 0, tone: audioOnly ? "quiet" : "ok" };
  }
}
