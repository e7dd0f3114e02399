// The opinion while the call runs: saved as one writes, its state said beside it. It belongs to one patient: when the
// room turns to another, what was written is saved for whom it was written, and only then the other's comes in its place.

import { ownCopies } from "../thread/own_copies.ts";
import { clock, say } from "../words.ts";

const PAUSE_MS = 1_200;
const COPY_MS = 400;
const AGAIN_MS = 5_000;
/** Characters of a body that a browser sends on after its page is gone (64 KiB, Fetch §4.6). */
const SENT_ON = 60_000;

class Editor {
  readonly person: string;
  readonly #form: HTMLFormElement;
  readonly #text: HTMLTextAreaElement;
  readonly #state: HTMLElement | null;
  /** Under this name the closing page finds what was not saved (`pages/opinion.ts`). */
  readonly #copy: string;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #copying: ReturnType<typeof setTimeout> | undefined;
  #saved: string;
  #saving: Promise<void> | null = null;

  constructor(form: HTMLFormElement, state: HTMLElement | null, consultId: string) {
    this.#form = form;
    this.#state = state;
    this.#text = form.elements.namedItem("text") as HTMLTextAreaElement;
    this.person = (form.elements.namedItem("person") as HTMLInputElement).value;
    this.#saved = this.#text.value;
    this.#copy = `opinion.${consultId}.${this.person}`;
    void this.#restore(); // this also gets the keys while the line is there: they seal what is typed without it
    this.#text.addEventListener("input", () => {
      this.#copying ??= setTimeout(() => void this.#seal(), COPY_MS);
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => void this.save(), PAUSE_MS);
    });
    this.#text.addEventListener("blur", () => void this.save());
    window.addEventListener("pagehide", () => this.#form.isConnected && !this.isSaved && void this.#send());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.save();
    });
  }

  /** Whether the server has all that was written. */
  get isSaved(): boolean {
    return this.#text.value === this.#saved;
  }

  /** Keep what is written as it is, until it is released again. */
  set held(held: boolean) {
    this.#text.readOnly = held;
  }

  save(): Promise<void> {
    clearTimeout(this.#timer);
    if (this.isSaved) return Promise.resolve();
    this.#saving ??= this.#send().finally(() => {
      this.#saving = null;
    });
    return this.#saving;
  }

  /** What an earlier page of this browser could not save any more. Beside another version the closing page shows it. */
  async #restore(): Promise<void> {
    const kept = await (await ownCopies())?.kept(this.#copy);
    const found = kept ? (JSON.parse(kept) as { version: string; text: string }) : null;
    if (!found || this.#text.readOnly || !this.isSaved || found.version !== (this.#form.elements.namedItem("version") as HTMLInputElement).value) return;
    this.#text.value = found.text;
    await this.save();
  }

  /** What the server has not is kept in this browser, sealed under the person's sign-in. */
  async #seal(): Promise<void> {
    clearTimeout(this.#copying);
    this.#copying = undefined;
    const copies = await ownCopies();
    const version = (this.#form.elements.namedItem("version") as HTMLInputElement).value;
    if (this.isSaved) copies?.drop(this.#copy);
    else await copies?.keep(this.#copy, JSON.stringify({ version, text: this.#text.value, at: new Date().toISOString() }));
  }

  async #send(): Promise<void> {
    const sent = this.#text.value;
    this.#say(say("saving"));
    try {
      const body = new URLSearchParams();
      for (const [name, value] of new FormData(this.#form)) if (typeof value === "string") body.append(name, value);
      body.set("act", "save");
      const keepalive = body.toString().length < SENT_ON;
      const response = await fetch(this.#form.action, { method: "POST", headers: { Accept: "application/json" }, body, keepalive });
      const answer = (await response.json()) as { version?: number; saved_at?: string; detail?: string };
      if (!response.ok || answer.version === undefined) throw new Error(answer.detail ?? "");
      (this.#form.elements.namedItem("version") as HTMLInputElement).value = String(answer.version);
      this.#saved = sent;
      void this.#seal();
      this.#say(say("saved", { time: clock(answer.saved_at ?? "", true) }));
      if (!this.isSaved) this.#timer = setTimeout(() => void this.save(), PAUSE_MS);
    } catch (error) {
      const told = error instanceof Error && !(error instanceof TypeError) && !(error instanceof SyntaxError) ? error.message : "";
      this.#say(told || say("not_saved"));
      if (this.#form.isConnected) this.#timer = setTimeout(() => void this.save(), AGAIN_MS);
    }
  }

  #say(words: string): void {
    if (this.#state) this.#state.textContent = words;
  }
}

export class OpinionDesk {
  readonly #section: HTMLElement;
  readonly #address: string;
  readonly #consultId: string;
  #editor: Editor | null = null;
  #turning = false;
  #changes = 0;

  constructor(section: HTMLElement, consultId: string) {
    this.#section = section;
    this.#consultId = consultId;
    this.#address = `/consults/${consultId}/room/opinion`;
    this.#begin();
  }

  /** The identity of the consult has changed: show the opinion about whom it is about now. */
  async turn(): Promise<void> {
    this.#changes++;
    if (this.#turning) return;
    this.#turning = true;
    try {
      for (let seen = 0; seen !== this.#changes; ) {
        seen = this.#changes;
        if (this.#editor) this.#editor.held = true;
        while (!(await this.#turned())) await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    } finally {
      this.#turning = false;
    }
  }

  async #turned(): Promise<boolean> {
    await this.#editor?.save();
    if (this.#editor && !this.#editor.isSaved) return false;
    const fresh = document.createElement("template");
    try {
      const response = await fetch(this.#address, { headers: { "X-Fragment": "1" } });
      // Not a fragment: signed out, or no longer of this room, which the page finds out by itself.
      if (response.headers.get("X-Fragment") === null) return true;
      fresh.innerHTML = await response.text();
    } catch {
      return false;
    }
    const next = fresh.content.querySelector<HTMLInputElement>("[name=person]")?.value;
    if (this.#editor && next === this.#editor.person) this.#editor.held = false;
    else {
      this.#section.replaceChildren(fresh.content);
      this.#begin();
    }
    return true;
  }

  #begin(): void {
    const form = this.#section.querySelector("form");
    this.#editor = form && new Editor(form, this.#section.querySelector<HTMLElement>("#opinion-state"), this.#consultId);
  }
}
