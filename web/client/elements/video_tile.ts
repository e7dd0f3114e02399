// One picture and its sound, with the name and, in words, what is missing and why.

import type { Chip, Cover } from "../core/picture.ts";
import { element, icon, say } from "../words.ts";

const SYMBOLS: Record<Cover, string> = {
  connecting: "clock", camera_off: "cam", reconnecting: "unlink", gone: "leave",
  audio_only_them: "mic", audio_only_me: "mic", uplink_audio: "signal-weak", downlink_audio: "signal-weak",
};

export class VideoTile extends HTMLElement {
  readonly video = document.createElement("video");
  readonly #stream = new MediaStream();
  readonly #title = element("p", { class: "video-title" });
  readonly #state = element("p", { class: "video-chip", role: "status" });
  readonly #name = element("div", { class: "video-name" }, this.#title, this.#state);
  readonly #veil = element("p", { class: "video-veil", role: "status" });
  readonly #pin = element("button", { class: "video-pin", type: "button", "aria-pressed": "false" }, icon("expand"));
  readonly #spoken = element("span", { class: "chip", "data-speaking": "", "data-tone": "ok" });
  readonly #muted = element("span", { class: "chip", "data-muted": "" });
  /** Called once, when the first picture has been decoded and shown. */
  onFirstFrame: (() => void) | null = null;
  /** Called when somebody wants this picture large, or back in its place. */
  onPin: (() => void) | null = null;
  #framed = false;
  #words = "";

  constructor() {
    super();
    this.video.autoplay = true;
    this.video.playsInline = true;
    this.#spoken.append(icon("speak"), element("span", { class: "long" }, say("tile_speaking")));
    this.#muted.append(icon("mic"), element("span", { class: "long" }, say("tile_muted")));
    this.#state.hidden = this.#veil.hidden = true;
    this.#pin.addEventListener("click", () => this.onPin?.());
  }

  connectedCallback(): void {
    if (this.video.isConnected) return;
    this.classList.add("video");
    this.append(this.video, this.#veil, this.#name, ...(this.onPin ? [this.#pin] : []));
    this.video.srcObject = this.#stream;
    // Some browsers hold sound back until somebody presses a button: say so, and offer it.
    this.video.play().catch(() => undefined);
  }

  name(name: string, facility: string): void {
    const words = `${name}|${facility}`;
    if (words === this.#words) return;
    this.#words = words;
    this.#title.replaceChildren(element("strong", {}, name), facility ? element("small", {}, facility) : "");
    this.#pin.setAttribute("aria-label", say("tile_enlarge", { name }));
    this.#pin.title = say("tile_enlarge", { name });
  }

  /** One's own picture: mirrored as in a mirror, unless others read what is on it; always silent. */
  own(stream: MediaStream, mirrored = true): void {
    this.video.muted = true;
    this.classList.toggle("mirrored", mirrored);
    this.tracks(stream.getTracks().filter((track) => track.kind === "video"));
  }

  tracks(tracks: readonly MediaStreamTrack[]): void {
    for (const track of this.#stream.getTracks()) if (!tracks.includes(track)) this.#stream.removeTrack(track);
    for (const track of tracks) {
      if (this.#stream.getTracks().includes(track)) continue;
      this.#stream.addTrack(track);
      if (track.kind === "video") this.#watch();
    }
    void this.video.play().catch(() => undefined);
  }

  #watch(): void {
    this.video.requestVideoFrameCallback(() => this.begun());
  }

  /** The first frame has been decoded; the page may know before the screen shows it. */
  begun(): void {
    this.dataset["decoded"] = "true";
    if (this.#framed) return;
    this.#framed = true;
    this.onFirstFrame?.();
  }

  /** Cover the picture with words and an icon, or uncover it. */
  cover(reason: Cover | null): void {
    if (this.dataset["cover"] === (reason ?? "")) return;
    this.dataset["cover"] = reason ?? "";
    this.#veil.hidden = reason === null;
    if (reason !== null) this.#veil.replaceChildren(icon(SYMBOLS[reason]), say(`tile_${reason}`));
  }

  /** Say what happens to the picture and why; a small tile says it short. */
  chip(chip: Chip | null): void {
    const key = chip === null ? "" : `${chip.words} ${chip.seconds}`;
    if (this.dataset["chip"] === key) return;
    this.dataset["chip"] = key;
    this.#state.hidden = chip === null;
    if (chip === null) return;
    const words = say(chip.words, { seconds: chip.seconds });
    const symbol = icon(chip.tone === "ok" ? "signal" : "signal-weak");
    const long = element("span", { class: "long" }, words);
    const short = element("span", { class: "short", "aria-hidden": "true" }, say(chip.short));
    this.#state.replaceChildren(element("span", { class: "chip", "data-tone": chip.tone, title: words }, symbol, long, short));
  }

  muted(muted: boolean): void {
    this.#mark(this.#muted, muted);
  }

  /** Marks stand behind the name only while they hold. */
  #mark(mark: HTMLElement, holds: boolean): void {
    if (holds && !mark.isConnected) this.#title.after(mark);
    else if (!holds) mark.remove();
  }

  /** Whose voice is heard now: a frame, an icon and the word. */
  speaking(speaking: boolean): void {
    this.toggleAttribute("data-speaks", speaking);
    this.#mark(this.#spoken, speaking);
  }

  /** Whether it was made large on purpose. */
  pinned(pinned: boolean): void {
    this.#pin.setAttribute("aria-pressed", String(pinned));
    this.#pin.replaceChildren(icon(pinned ? "shrink" : "expand"));
  }

  /** How high the picture is shown, in device pixels; 0 when it is not. */
  get shownHeight(): number {
    return this.checkVisibility?.() === false ? 0 : Math.round(this.clientHeight * devicePixelRatio);
  }
}

customElements.define("video-tile", VideoTile);
