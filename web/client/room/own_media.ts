// One's own camera and microphone in the room: captured, switched on and off, or sound only, which the device remembers.

import { CallError } from "../core/connection.ts";
import type { VideoTile } from "../elements/video_tile.ts";
import { audioOnlyRemembered, camera, capture, release, rememberAudioOnly } from "../media/devices.ts";
import type { Publisher } from "../media/publisher.ts";
import { say } from "../words.ts";
import type { Sources } from "./sources.ts";

type Kind = "audio" | "video";

export class OwnMedia {
  readonly #tile: VideoTile;
  readonly #publisher: Publisher;
  readonly #sources: Sources;
  readonly #observes: boolean;
  readonly #fail: (message: string) => void;
  /** Done when the devices were opened, or could not be. */
  readonly captured: Promise<void>;
  stream = new MediaStream();
  /** No picture goes out and none comes in: on a thin line all of it is for the voice. */
  audioOnly = audioOnlyRemembered();
  /** Called when somebody switched something. */
  onChange: () => void = () => undefined;

  /** `fail` says in the room why a device cannot be used. */
  constructor(tile: VideoTile, publisher: Publisher, sources: Sources, observes: boolean, fail: (message: string) => void) {
    this.#tile = tile;
    this.#publisher = publisher;
    this.#sources = sources;
    this.#observes = observes;
    this.#fail = fail;
    this.captured = observes ? Promise.resolve() : this.#capture();
    document.querySelector("#mute")?.addEventListener("click", () => this.#toggle("audio"));
    document.querySelector("#camera")?.addEventListener("click", () => (this.audioOnly ? this.#turn(false) : this.#toggle("video")));
    for (const button of document.querySelectorAll("[data-audio-only]")) {
      button.addEventListener("click", () => {
        button.closest("details")?.removeAttribute("open");
        this.#turn(!this.audioOnly);
      });
    }
    this.#show();
  }

  /** Whether one is heard or seen now. */
  has(kind: Kind): boolean {
    return this.stream.getTracks().some((track) => track.kind === kind && track.enabled);
  }

  /** What is sent of it, by source. */
  get tracks(): Map<string, MediaStreamTrack> {
    return new Map(this.stream.getTracks().map((track) => [track.kind === "video" ? "camera" : "microphone", track]));
  }

  close(): void {
    release(this.stream);
  }

  async #capture(): Promise<void> {
    try {
      this.stream = await capture();
      this.#show();
    } catch (error) {
      this.#refused(error);
    }
  }

  #refused(error: unknown): void {
    const denied = error instanceof DOMException && error.name === "NotAllowedError";
    this.#fail(say(denied ? "camera_denied" : "camera_missing"));
  }

  #toggle(kind: Kind): void {
    const tracks = this.stream.getTracks().filter((track) => track.kind === kind);
    const on = !tracks.some((track) => track.enabled);
    for (const track of tracks) track.enabled = on;
    this.#show();
    this.onChange();
  }

  #turn(audioOnly: boolean): void {
    this.audioOnly = audioOnly;
    rememberAudioOnly(audioOnly);
    void (audioOnly ? this.#soundOnly() : this.#picturesAgain());
  }

  async #soundOnly(): Promise<void> {
    for (const track of this.stream.getVideoTracks()) {
      track.stop();
      this.stream.removeTrack(track);
    }
    this.#show();
    this.onChange();
    await Promise.all([this.#publisher.drop("camera"), this.#sources.end()]).catch(() => undefined);
  }

  async #picturesAgain(): Promise<void> {
    this.#show();
    this.onChange();
    if (this.#observes) return;
    try {
      const track = await camera();
      if (track === undefined) return;
      this.stream.addTrack(track);
      await this.#publisher.add("camera", track);
    } catch (error) {
      if (error instanceof CallError) this.#fail(error.message);
      else this.#refused(error);
    } finally {
      this.#show();
      this.onChange();
    }
  }

  /** One's own tile, and the words of the buttons. */
  #show(): void {
    this.#tile.own(this.stream);
    this.#tile.cover(this.audioOnly ? "audio_only_me" : this.has("video") ? null : "camera_off");
    for (const [id, kind] of [["mute", "audio"], ["camera", "video"]] as const) {
      const button = document.querySelector(`#${id}`);
      button?.setAttribute("aria-pressed", String(!this.has(kind)));
      button?.querySelector("span")?.replaceChildren(say(`${kind}_${this.has(kind) ? "off" : "on"}`));
    }
    for (const button of document.querySelectorAll("[data-audio-only]")) {
      button.setAttribute("aria-pressed", String(this.audioOnly));
      button.querySelector("[data-word]")?.replaceChildren(say(this.audioOnly ? "audio_only_off" : "audio_only"));
    }
  }
}
