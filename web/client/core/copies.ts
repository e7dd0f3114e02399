// Copies of what was typed, in a browser that others use too: sealed under keys that only the person's sign-in gives.
//
// The server gives the keys of today and yesterday to a signed-in session, and they are held in memory alone. What is
// older cannot be opened by anybody any more, and is removed by whoever looks next.

interface Store {
  readonly length: number;
  key(index: number): string | null;
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

export interface Keys {
  /** Whose copies: a mark, not a name. */
  owner: string;
  /** The number of the key that seals now. */
  current: number;
  /** By number, 16 bytes in base64. */
  keys: Record<string, string>;
}

const PREFIX = "hoichan.copy.";

const bytes = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(text), (mark) => mark.charCodeAt(0));
const base64 = (content: Uint8Array): string => btoa(Array.from(content, (byte) => String.fromCharCode(byte)).join(""));

export class Copies {
  readonly #store: Store;
  readonly #owner: string;
  readonly #current: string;
  readonly #keys: ReadonlyMap<string, CryptoKey>;

  private constructor(store: Store, owner: string, current: string, keys: ReadonlyMap<string, CryptoKey>) {
    this.#store = store;
    this.#owner = owner;
    this.#current = current;
    this.#keys = keys;
  }

  static async opened(store: Store, given: Keys): Promise<Copies> {
    const keys = new Map<string, CryptoKey>();
    for (const [number, key] of Object.entries(given.keys)) keys.set(number, await crypto.subtle.importKey("raw", bytes(key), "AES-GCM", false, ["encrypt", "decrypt"]));
    const copies = new Copies(store, given.owner, String(given.current), keys);
    copies.#tidy(given.current);
    return copies;
  }

  async keep(name: string, value: string): Promise<void> {
    const key = this.#keys.get(this.#current);
    if (!key) return;
    const nonce = crypto.getRandomValues(new Uint8Array(12));
    const place = this.#place(name);
    const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce, additionalData: new TextEncoder().encode(place) }, key, new TextEncoder().encode(value));
    this.#store.setItem(place, `${this.#current}.${base64(nonce)}.${base64(new Uint8Array(sealed))}`);
  }

  /** What was kept under that name, or null when there is nothing, or nothing that these keys open. */
  async kept(name: string): Promise<string | null> {
    const place = this.#place(name);
    const [number = "", nonce = "", sealed = ""] = (this.#store.getItem(place) ?? "").split(".");
    const key = this.#keys.get(number);
    if (!key) return null;
    try {
      const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv: bytes(nonce), additionalData: new TextEncoder().encode(place) }, key, bytes(sealed));
      return new TextDecoder().decode(plain);
    } catch {
      return null;
    }
  }

  drop(name: string): void {
    this.#store.removeItem(this.#place(name));
  }

  /** Own names that begin so, in their order. */
  names(begin: string): string[] {
    const start = this.#place(begin);
    return this.#all().filter((key) => key.startsWith(start)).map((key) => key.slice(this.#place("").length)).sort();
  }

  #place(name: string): string {
    return `${PREFIX}${this.#owner}.${name}`;
  }

  #all(): string[] {
    return Array.from({ length: this.#store.length }, (_, index) => this.#store.key(index) ?? "").filter((key) => key.startsWith(PREFIX));
  }

  #tidy(current: number): void {
    for (const key of this.#all()) {
      const number = Number((this.#store.getItem(key) ?? "").split(".")[0]);
      if (!(number >= current - 1)) this.#store.removeItem(key);
    }
  }
}
