// What one shows besides the own camera: the screen, and any further camera or device under a name of one's own.

import { devices, secondCamera } from "../media/devices.ts";
import type { Publisher } from "../media/publisher.ts";
import { element, icon, say } from "../words.ts";
import type { Stage } from "./stage.ts";

const SCREEN = "screen";
const DEVICE = "device:";
const NAME = 57;
const MOST = 5;

function find<T extends HTMLElement>(selector: string): T | null {
  return document.querySelector<T>(selector);
}

export class Sources {
  readonly #publisher: Publisher;
  readonly #stage: Stage;
  readonly #fail: (message: string) => void;
  readonly #extra = new Map<string, MediaStreamTrack>();

  /** `fail` says in the room why something cannot be shown. */
  constructor(publisher: Publisher, stage: Stage, fail: (message: string) => void) {
    this.#publisher = publisher;
    this.#stage = stage;
    this.#fail = fail;
    const share = find("#share");
    if (share && "getDisplayMedia" in (navigator.mediaDevices ?? {})) share.hidden = false;
    share?.addEventListener("click", () => void (this.#extra.has(SCREEN) ? this.#stop(SCREEN) : this.#shareScreen()));
    this.#startDialog();
  }

  /** Everything ends with the room. */
  close(): void {
    for (const track of this.#extra.values()) track.stop();
    this.#extra.clear();
  }

  /** Show nothing more, and tell the server. */
  async end(): Promise<void> {
    await Promise.all([...this.#extra.keys()].map((source) => this.#stop(source)));
  }

  async #shareScreen(): Promise<void> {
    try {
      const stream = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { ideal: 15, max: 30 } }, audio: false });
      const track = stream.getVideoTracks()[0];
      if (track) await this.#begin(SCREEN, track);
    } catch (error) {
      // Whoever closed the browser's own question did not want to share.
      if (!(error instanceof DOMException && error.name === "NotAllowedError")) this.#fail(say("share_failed"));
    }
  }

  async #begin(source: string, track: MediaStreamTrack): Promise<void> {
    this.#extra.set(source, track);
    track.addEventListener("ended", () => void this.#stop(source)); // the browser's own bar, or a plug pulled out
    this.#show();
    try {
      await this.#publisher.add(source, track);
    } catch (error) {
      await this.#stop(source);
      this.#fail(error instanceof Error ? error.message : "");
    }
  }

  async #stop(source: string): Promise<void> {
    const track = this.#extra.get(source);
    if (track === undefined) return;
    this.#extra.delete(source);
    track.stop();
    this.#show();
    await this.#publisher.drop(source).catch(() => undefined);
  }

  #show(): void {
    const share = find("#share");
    const shares = this.#extra.has(SCREEN);
    share?.setAttribute("aria-pressed", String(shares));
    share?.querySelector("span")?.replaceChildren(say(shares ? "share_stop" : "share"));
    this.#stage.own(new Map([...this.#extra].filter(([source]) => source !== SCREEN)));
    const list = find("#source-list");
    list?.replaceChildren(
      ...[...this.#extra.keys()].map((source) => {
        const name = source === SCREEN ? say("tile_screen") : source.slice(DEVICE.length);
        const stop = element("button", { class: "button", type: "button" }, icon("x"), say("source_stop", { name }));
        stop.addEventListener("click", () => void this.#stop(source));
        return element("li", {}, stop);
      }),
    );
  }

  #startDialog(): void {
    const dialog = find<HTMLDialogElement>("#source-dialog");
    const form = find<HTMLFormElement>("#source-form");
    const choice = find<HTMLSelectElement>("#source-device");
    const name = find<HTMLInputElement>("#source-name");
    const problem = find("#source-problem");
    if (!dialog || !form || !choice || !name || !problem) return;
    const suggest = () => (name.value = (choice.selectedOptions[0]?.textContent ?? "").slice(0, NAME));
    find("#add-source")?.addEventListener("click", async () => {
      find<HTMLDetailsElement>("#more")?.removeAttribute("open");
      problem.textContent = "";
      const found = await devices("videoinput");
      const used = new Set([...this.#publisher.sources.values()].map((track) => track.getSettings().deviceId));
      choice.replaceChildren(...found.filter((device) => !used.has(device.deviceId)).map((device) => new Option(device.label || say("source_unnamed"), device.deviceId)));
      const none = choice.options.length === 0;
      if (none) problem.textContent = say("source_none");
      choice.disabled = name.disabled = (form.querySelector("[type=submit]") as HTMLButtonElement).disabled = none || this.#extra.size >= MOST;
      suggest();
      this.#show();
      dialog.showModal();
    });
    choice.addEventListener("change", suggest);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const source = DEVICE + this.#free(name.value.normalize("NFC").replace(/\p{C}/gu, "").trim() || say("source_unnamed"));
      try {
        const track = await secondCamera(choice.value);
        dialog.close();
        await this.#begin(source, track);
      } catch {
        problem.textContent = say("source_failed");
      }
    });
  }

  /** A name that no other of one's sources has. */
  #free(name: string): string {
    let free = name.slice(0, NAME);
    for (let number = 2; this.#extra.has(DEVICE + free); number += 1) free = `${name.slice(0, NAME - 4)} ${number}`;
    return free;
  }
}
