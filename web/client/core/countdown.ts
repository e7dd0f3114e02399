// Counting down to an instant of the server, whatever the own clock says.

export class Countdown {
  readonly #due: number;
  readonly #offset: number;

  /** Instants as the server wrote them; `at` is the own clock's time when they arrived, in ms. */
  constructor(due: string, serverNow: string, at: number) {
    this.#due = Date.parse(due);
    this.#offset = Date.parse(serverNow) - at;
  }

  /** Whole seconds left at the own clock's time `at`, never below 0. */
  left(at: number): number {
    return Math.max(0, Math.ceil((this.#due - (at + this.#offset)) / 1000));
  }
}
