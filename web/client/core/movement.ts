// Whether pictures move and sound is whole, from what was decoded and heard. Pure: counters in, judgements out.

/** Counters of one incoming sound, in samples since it began. */
export interface Heard {
  total: number;
  /** Made up by the decoder because something was missing, silence not counted. */
  concealed: number;
}

const BROKEN = 0.12;

export class Movement {
  #frames = -1;
  #movedAt = 0;
  #begun = false;

  /** Frames decoded by that time, in ms. A count that shrank is that of a new connection. */
  see(at: number, frames: number): void {
    if (frames > this.#frames && frames > 0) this.#begun = true;
    if (frames !== this.#frames) this.#movedAt = at;
    this.#frames = frames;
  }

  /** Whether any frame has been decoded. */
  get begun(): boolean {
    return this.#begun;
  }

  /** Milliseconds since the last new frame. */
  stood(at: number): number {
    return this.#frames < 0 ? 0 : at - this.#movedAt;
  }

  /** From now on a picture is expected: what stood before does not count. */
  expect(at: number): void {
    this.#movedAt = at;
  }
}

export class Sound {
  #last: Heard | null = null;
  broken = false;

  hear(heard: Heard): void {
    const before = this.#last;
    this.#last = heard;
    const total = before === null ? 0 : heard.total - before.total;
    this.broken = before !== null && total > 0 && (heard.concealed - before.concealed) / total > BROKEN;
  }
}
