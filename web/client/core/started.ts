// Where each file that is being sent stands on the server, so that the same file, chosen again on a page that was loaded
// anew, goes on from there. It is kept sealed, for a file's name may name a patient, and goes with what was sent.

import type { Copies } from "./copies.ts";

/** A file's name, size and time of last change: the same three are taken for the same file. */
interface Chosen {
  name: string;
  size: number;
  lastModified: number;
}

/** An upload that began: its address, and the key under which the thread knows the file. */
export interface Begun {
  url: string;
  clientId: string;
}

export class Started {
  readonly #copies: Pick<Copies, "kept" | "keep" | "drop">;
  readonly #place: string;
  readonly #begun: Map<string, Begun>;
  readonly #running = new Set<string>();
  #written: Promise<void> = Promise.resolve();

  private constructor(copies: Pick<Copies, "kept" | "keep" | "drop">, place: string, begun: Map<string, Begun>) {
    this.#copies = copies;
    this.#place = place;
    this.#begun = begun;
  }

  static async opened(copies: Pick<Copies, "kept" | "keep" | "drop">, consultId: string): Promise<Started> {
    const place = `uploads.${consultId}`;
    const kept = await copies.kept(place);
    return new Started(copies, place, new Map(kept === null ? [] : (JSON.parse(kept) as [string, Begun][])));
  }

  /** Where this file stands, unless this page sends it at this moment: then it is sent once more. */
  take(file: Chosen): Begun | null {
    if (this.#running.has(mark(file))) return null;
    return this.#begun.get(mark(file)) ?? null;
  }

  keep(file: Chosen, begun: Begun): Promise<void> {
    this.#running.add(mark(file));
    this.#begun.set(mark(file), begun);
    return this.#write();
  }

  /** It broke off, and may go on when it is chosen again. */
  rest(file: Chosen): void {
    this.#running.delete(mark(file));
  }

  /** It was sent, or given up. */
  drop(file: Chosen): Promise<void> {
    this.rest(file);
    this.#begun.delete(mark(file));
    return this.#write();
  }

  /** One after the other, so that what was dropped is not written again by an earlier turn that took longer. */
  #write(): Promise<void> {
    this.#written = this.#written.then(async () => {
      if (this.#begun.size === 0) this.#copies.drop(this.#place);
      else await this.#copies.keep(this.#place, JSON.stringify([...this.#begun]));
    });
    return this.#written;
  }
}

function mark(file: Chosen): string {
  return JSON.stringify([file.name, file.size, file.lastModified]);
}
