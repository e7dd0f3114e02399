// What somebody added to the book and the server has not confirmed yet: kept in the page, sent again under the same key.
// Pure but for the storage that it is given.

import { Draft, type Pairs } from "./draft.ts";

export interface Waiting {
  /** Repeated with every try, so that an addition that arrived without an answer is not doubled. */
  key: string;
  pairs: Pairs;
}

type Store = ConstructorParameters<typeof Draft>[0];

export class Waitlist {
  readonly #kept: Draft;

  constructor(store: Store, name: string) {
    this.#kept = new Draft(store, name);
  }

  all(): Waiting[] {
    return this.#kept.kept().map(([key, body]) => ({ key, pairs: [...new URLSearchParams(body)] }));
  }

  add(waiting: Waiting): void {
    const body = new URLSearchParams(waiting.pairs.map(([name, value]) => [name, value])).toString();
    this.#kept.keep([...this.#kept.kept().filter(([key]) => key !== waiting.key), [waiting.key, body]]);
  }

  drop(key: string): void {
    const rest = this.#kept.kept().filter(([known]) => known !== key);
    if (rest.length > 0) this.#kept.keep(rest);
    else this.#kept.drop();
  }
}

/** Bounds outside which somebody should look at a value once more. */
export type Usual = Readonly<Record<string, readonly [number, number]>>;

/** The fields whose value is a number, and an unusual one. Comma or point may divide decimals. */
export function unusual(pairs: Pairs, usual: Usual): string[] {
  return pairs.flatMap(([name, text]) => {
    const bounds = usual[name];
    const value = Number(text.trim().replace(",", "."));
    return bounds !== undefined && text.trim() !== "" && !Number.isNaN(value) && (value < bounds[0] || value > bounds[1]) ? [name] : [];
  });
}
