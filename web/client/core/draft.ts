// A form's draft: what was typed, as plain pairs, kept and put back. Pure but for the storage that it is given.

export type Pairs = readonly (readonly [string, string])[];

interface Store {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** Fields that are never kept: the server's own. The proof of a patient is: sealed, useless to anybody else, no name. */
const NEVER = new Set(["csrf", "idempotency_key", "draft"]);

/** What of a form is worth keeping. */
export function draftOf(pairs: Pairs): Pairs {
  return pairs.filter(([name, value]) => !NEVER.has(name) && value !== "");
}

/** What was kept, or nothing when that cannot be read. */
export function draftIn(kept: string | null): Pairs {
  try {
    const found: unknown = JSON.parse(kept ?? "[]");
    return Array.isArray(found) ? (found as Pairs) : [];
  } catch {
    return [];
  }
}

export class Draft {
  readonly #store: Store;
  readonly #key: string;

  constructor(store: Store, key: string) {
    this.#store = store;
    this.#key = key;
  }

  keep(pairs: Pairs): void {
    this.#store.setItem(this.#key, JSON.stringify(draftOf(pairs)));
  }

  /** What was kept, or nothing when that cannot be read. */
  kept(): Pairs {
    return draftIn(this.#store.getItem(this.#key));
  }

  drop(): void {
    this.#store.removeItem(this.#key);
  }
}
