// Rings over a broken line: which of those that are shown the server has said again since it came back.

export class Doubt {
  readonly #doubted = new Set<string>();

  /** The line is back: of all that is shown nobody knows whether it rings still. The server says again what does. */
  cast(shown: Iterable<string>): void {
    for (const id of shown) this.#doubted.add(id);
  }

  /** The server has spoken of it. */
  lift(id: string): void {
    this.#doubted.delete(id);
  }

  /** What it has not spoken of, and so rings no longer. */
  taken(): string[] {
    const gone = [...this.#doubted];
    this.#doubted.clear();
    return gone;
  }
}
