// The keys of this person's copies: asked of the server once a page, and held in memory alone.

import { Copies, type Keys } from "../core/copies.ts";

let asked: Promise<Copies | null> | undefined;

/** Null when there are none: not signed in, offline, or a browser without Web Crypto (pages without https). */
export function ownCopies(): Promise<Copies | null> {
  asked ??= (async () => {
    if (!globalThis.crypto?.subtle) return null;
    const response = await fetch("/copies/keys", { headers: { Accept: "application/json" } }).catch(() => null);
    if (!response?.ok) {
      asked = undefined; // the line may be back by the next time
      return null;
    }
    return Copies.opened(localStorage, (await response.json()) as Keys);
  })();
  return asked;
}
