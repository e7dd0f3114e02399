// One person's picture and sound, with the name and, in words, what is missing.

import { element, icon, say } from "../words.ts";

export class VideoTile extends HTMLElement {
  readonly video = document.createElement("video");
  readonly #stream = new MediaStream();
  readonly #name = element("p", { class: "video-name" });
  readonly #veil = element("p", { class: "video-veil", role: "status" });
  /** Called once, when the first picture has been decoded and shown. */
  onFirstFrame: (() => void) | null = null;
  #framed = false;

  constructor() {
    super();
    this.video.autoplay = true;
    this.video.playsInline = true;
  }

  connectedCallback(): void {
    if (this.video.isConnected) return;
    this.classList.add("video");
    this.append(this.video, this.#veil, this.#name);
    this.video.srcObject = this.#stream;
    // Some browsers hold sound back until somebody presses a button: say so, and offer it.
    this.video.play().catch(() => undefined);
  }

  name(name: string, facility: string): void {
    this.#name.replaceChildren(element("strong", {}, name), facility ? element("small", {}, facility) : "");
  }

  /** One's own picture: mirrored as in a mirror, and silent. */
  own(stream: MediaStream): void {
    this.video.muted = true;
    this.classList.add("mirrored");
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
    this.video.requestVideoFrameCallback(() => {
      this.dataset["decoded"] = "true";
      if (!this.#framed) {
        this.#framed = true;
        this.onFirstFrame?.();
      }
    });
  }

  /** Cover the picture with words and an icon, or uncover it. */
  cover(reason: "connecting" | "camera_off" | "reconnecting" | "gone" | null): void {
    this.dataset["cover"] = reason ?? "";
    this.#veil.hidden = reason === null;
    const symbols = { connecting: "clock", camera_off: "cam", reconnecting: "unlink", gone: "leave" } as const;
    if (reason !== null) this.#veil.replaceChildren(icon(symbols[reason]), say(`tile_${reason}`));
  }

  muted(muted: boolean): void {
    this.#name.querySelector("[data-muted]")?.remove();
    if (muted) this.#name.append(element("span", { class: "chip", "data-muted": "" }, icon("mic"), say("tile_muted")));
  }
}

customElements.define("video-tile", VideoTile);
