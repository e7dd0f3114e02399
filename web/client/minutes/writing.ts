// Minutes as one writes: every few seconds the server keeps what is typed, and until it has answered this browser keeps
// it too, sealed under the person's sign-in. Of two windows of one person neither writes over the other: both texts are
// shown and one is chosen. Only Save makes a version.

import { token } from "../adding/sending.ts";
import { ownCopies } from "../thread/own_copies.ts";
import { clock, element, say } from "../words.ts";

const EVERY_MS = 2_500;
const COPY_MS = 400;
const AGAIN_MS = 4_000;
/** Characters of a body that a browser sends on after its page is gone (64 KiB, Fetch §4.6). */
const SENT_ON = 60_000;
const OWN = new Set(["csrf", "version", "revision", "person"]);

type Pairs = [string, string][];
interface Copy {
  version: string;
  revision: string;
  at: string;
  fields: Pairs;
}
interface Kept {
  revision: number;
  kept_at: string;
  newest: number;
  others: number;
}

export class Writing {
  readonly #form: HTMLFormElement;
  readonly #state: HTMLElement;
  readonly #name: string;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #copying: ReturnType<typeof setTimeout> | undefined;
  #sending: Promise<void> | null = null;
  #kept: string;
  /** Two texts are there and none was chosen: nothing is sent. */
  #held = false;
  #done = false;

  constructor(form: HTMLFormElement) {
    this.#form = form;
    this.#state = form.querySelector("#draft-state") as HTMLElement;
    this.#name = `minutes.${form.dataset["consultId"] ?? ""}.${this.#value("person")}`;
    this.#kept = this.#text();
    form.addEventListener("input", (event) => {
      if (event.target instanceof HTMLTextAreaElement) this.#measure(event.target);
      this.#changed();
    });
    form.addEventListener("change", () => this.#changed());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#save();
    });
    window.addEventListener("pagehide", () => void this.#leave());
    window.addEventListener("online", () => void this.#send());
    void this.#restore();
  }

  #value(name: string): string {
    return (this.#form.elements.namedItem(name) as HTMLInputElement).value;
  }

  #fields(): Pairs {
    return [...new FormData(this.#form)].filter((pair): pair is [string, string] => typeof pair[1] === "string" && !OWN.has(pair[0]));
  }

  #text(): string {
    return JSON.stringify(this.#fields());
  }

  #changed(): void {
    if (this.#done) return;
    this.#copying ??= setTimeout(() => void this.#copy(), COPY_MS);
    this.#timer ??= setTimeout(() => void this.#send(), EVERY_MS);
  }

  /** Say at once that a text is too long for one document, and do not cut it. */
  #measure(area: HTMLTextAreaElement): void {
    const most = Number(this.#form.dataset["most"]);
    const count = [...area.value].length;
    const message = count > most ? say("too_long", { count, most }) : "";
    if (area.validationMessage !== message) area.setCustomValidity(message);
    if (message) area.setAttribute("aria-invalid", "true");
    else area.removeAttribute("aria-invalid");
    if (message) this.#say(message);
  }

  async #copy(): Promise<void> {
    clearTimeout(this.#copying);
    this.#copying = undefined;
    const copies = await ownCopies();
    const copy = { version: this.#value("version"), revision: this.#value("revision"), at: new Date().toISOString(), fields: this.#fields() } satisfies Copy;
    if (!this.#done && JSON.stringify(copy.fields) !== this.#kept) await copies?.keep(this.#name, JSON.stringify(copy));
  }

  #send(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#done || this.#held || this.#text() === this.#kept) return Promise.resolve();
    this.#sending ??= this.#put(this.#fields()).finally(() => {
      this.#sending = null;
      if (!this.#done && !this.#held && this.#text() !== this.#kept) this.#timer ??= setTimeout(() => void this.#send(), EVERY_MS);
    });
    return this.#sending;
  }

  #body(fields: Pairs): URLSearchParams {
    const own = ["version", "revision", "person"].map((name) => [name, this.#value(name)]);
    return new URLSearchParams([...own, ...fields]);
  }

  async #put(fields: Pairs): Promise<void> {
    const headers = { Accept: "application/json", "X-CSRF-Token": token() };
    const response = await fetch(`${this.#form.action}/draft`, { method: "PUT", headers, body: this.#body(fields) }).catch(() => null);
    if (this.#done) return;
    const answer = (await response?.json().catch(() => null)) as (Kept & { code?: string; detail?: string }) | null;
    if (response?.ok && answer) {
      (this.#form.elements.namedItem("revision") as HTMLInputElement).value = String(answer.revision);
      this.#kept = JSON.stringify(fields);
      if (this.#text() === this.#kept) (await ownCopies())?.drop(this.#name);
      const told = [say("kept", { time: clock(answer.kept_at, true) })];
      if (answer.newest > Number(this.#value("version"))) told.push(say("moved", { version: answer.newest }));
      else if (answer.others > 0) told.push(say("others"));
      this.#say(told.join(" "));
    } else if (answer?.code === "minutes.draft_elsewhere") {
      this.#held = true;
      this.#say(answer.detail ?? "");
      await this.#choose(fields, clock(new Date().toISOString(), true));
    } else {
      await this.#copy();
      const here = (await ownCopies()) !== null;
      this.#say(response !== null && response.status < 500 ? (answer?.detail ?? "") : say(here ? "kept_here" : "kept_nowhere", { time: clock(new Date().toISOString(), true) }));
      this.#timer ??= setTimeout(() => void this.#send(), AGAIN_MS);
    }
  }

  /** Beside the text of this window, or of this browser, show the one that the server has, and let one be chosen. */
  async #choose(mine: Pairs, at: string): Promise<void> {
    const response = await fetch(`${this.#form.action}/draft?person=${this.#value("person")}`, { headers: { Accept: "application/json" } }).catch(() => null);
    if (!response?.ok) {
      setTimeout(() => void this.#choose(mine, at), AGAIN_MS);
      return;
    }
    const theirs = (await response.json()) as { revision: number; kept_at: string; fields: Pairs };
    const take = (fields: Pairs | null, label: string): HTMLElement => {
      const button = element("button", { class: "button", type: "button" }, label);
      button.addEventListener("click", () => void this.#take(fields, theirs.revision));
      return button;
    };
    const shown = (fields: Pairs): HTMLElement => element("p", { class: "pre" }, fields.filter(([name, text]) => text && !/^(seat_|opinion_kind)/.test(name)).map(([, text]) => text).join("\n"));
    const body = this.#form.querySelector("#two-texts .tile-body") as HTMLElement;
    body.replaceChildren(
      element("h3", {}, say("text_here", { time: at })), shown(mine), take(mine, say("take_this")),
      element("h3", {}, say("text_there", { time: clock(theirs.kept_at, true) })), shown(theirs.fields), take(null, say("take_this")),
    );
    const section = body.closest("section") as HTMLElement;
    section.hidden = false;
    section.scrollIntoView({ block: "center" });
  }

  /** `null`: what the server has. The page is then read anew from the server, which has the chosen text. */
  async #take(fields: Pairs | null, revision: number): Promise<void> {
    if (fields) {
      (this.#form.elements.namedItem("revision") as HTMLInputElement).value = String(revision);
      const headers = { Accept: "application/json", "X-CSRF-Token": token() };
      const response = await fetch(`${this.#form.action}/draft`, { method: "PUT", headers, body: this.#body(fields) }).catch(() => null);
      if (!response?.ok) return this.#say(say("kept_here", { time: clock(new Date().toISOString(), true) }));
    }
    this.#done = true;
    (await ownCopies())?.drop(this.#name);
    location.replace(`${this.#form.action}?person=${this.#value("person")}&edit=1`);
  }

  /** What this browser still has and the server has not: sent, and then read back; beside another text, chosen. */
  async #restore(): Promise<void> {
    const copies = await ownCopies();
    const sealed = await copies?.kept(this.#name);
    if (!sealed || this.#text() !== this.#kept) return;
    const copy = JSON.parse(sealed) as Copy;
    if (JSON.stringify(copy.fields) === this.#kept) copies?.drop(this.#name);
    else if (copy.revision === this.#value("revision")) await this.#take(copy.fields, Number(copy.revision));
    else {
      this.#held = true;
      await this.#choose(copy.fields, clock(copy.at, true));
    }
  }

  async #save(): Promise<void> {
    await this.#sending;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const button = this.#form.querySelector("#save-minutes") as HTMLButtonElement;
    button.disabled = true;
    const response = await fetch(this.#form.action, { method: "POST", headers: { Accept: "application/json" }, body: new URLSearchParams([...new FormData(this.#form)] as Pairs) }).catch(() => null);
    button.disabled = false;
    if (response === null || response.status >= 500) {
      await this.#copy();
      this.#say(say((await ownCopies()) === null ? "kept_nowhere" : "not_saved", { time: clock(new Date().toISOString(), true) }));
      this.#changed();
      return;
    }
    this.#done = true;
    clearTimeout(this.#copying);
    (await ownCopies())?.drop(this.#name);
    if (response.ok) location.assign(`${this.#form.action}?person=${this.#value("person")}`);
    else this.#form.submit(); // the server's own page says what is wrong, with everything that was typed
  }

  async #leave(): Promise<void> {
    if (this.#done || this.#held || this.#text() === this.#kept) return;
    const body = this.#body(this.#fields());
    const keepalive = body.toString().length < SENT_ON;
    void fetch(`${this.#form.action}/draft`, { method: "PUT", headers: { Accept: "application/json", "X-CSRF-Token": token() }, body, keepalive }).catch(() => null);
    await this.#copy();
  }

  #say(words: string): void {
    this.#state.textContent = words;
  }
}
