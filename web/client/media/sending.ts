// One track on its way out: its layers, what of them is sent now, and stills when the line carries no more.

import type { Rung } from "../core/protocol.ts";
import { type Layer, layersOf, plan, single, voice } from "../core/sending.ts";
import { Queue } from "../core/queue.ts";
import { preferCodecs, section } from "./codecs.ts";

const STILL_EVERY_MS = 3_000;
/** How long the encoder is given frames for a still: one is encoded, the rest dropped. */
const SHUTTER_MS = 200;

export class Sending {
  readonly source: string;
  readonly transceiver: RTCRtpTransceiver;
  readonly #queue = new Queue();
  #track: MediaStreamTrack;
  #layers: Layer[];
  #wanted: ReadonlySet<string> | null = null;
  #rung: Rung = "hd";
  #stills: ReturnType<typeof setInterval> | null = null;

  constructor(peer: RTCPeerConnection, source: string, track: MediaStreamTrack, stream: MediaStream) {
    this.source = source;
    this.#track = track;
    const sound = track.kind === "audio";
    this.#layers = sound ? [] : layersOf(source, track.getSettings().width ?? 640);
    this.transceiver = peer.addTransceiver(track, {
      direction: "sendonly",
      streams: [stream],
      sendEncodings: sound ? [{ priority: "high" }] : this.#layers.map(encoding),
    });
    preferCodecs(this.transceiver, sound ? "audio" : "video");
    if (!sound) this.#hint();
  }

  get mid(): string {
    return this.transceiver.mid ?? "";
  }

  get sound(): boolean {
    return this.#track.kind === "audio";
  }

  /** The server answered. Without simulcast the first layer is all that is left, and becomes the whole picture. */
  async answered(sdp: string): Promise<void> {
    if (this.#layers.length > 1 && !section(sdp, this.mid).includes("a=simulcast")) {
      this.#layers = [single(this.source)];
      this.#wanted = null;
    }
    await this.#apply();
  }

  /** Send what a line of that rung carries. */
  async fit(rung: Rung): Promise<void> {
    if (rung === this.#rung) return;
    this.#rung = rung;
    await this.#apply();
  }

  /** Send only layers that somebody watches. */
  async watched(rids: readonly string[]): Promise<void> {
    this.#wanted = new Set(rids);
    await this.#apply();
  }

  async replace(track: MediaStreamTrack): Promise<void> {
    this.#track = track;
    this.#hint();
    if (this.#stills === null) await this.transceiver.sender.replaceTrack(track);
  }

  close(): void {
    this.#meter(false);
  }

  #apply(): Promise<void> {
    return this.#queue.run(async () => {
      const { sender } = this.transceiver;
      const parameters = sender.getParameters();
      if (parameters.encodings.length === 0 || this.transceiver.currentDirection === "stopped") return;
      if (this.sound) this.#speak(parameters);
      else {
        const { encodings, stills } = plan(this.source, this.#layers, this.#rung, this.#wanted);
        parameters.encodings.forEach((one, place) => Object.assign(one, encodings[place] ?? { active: false }));
        parameters.degradationPreference = stills || this.source === "screen" ? "maintain-resolution" : "balanced";
        this.#hint();
        this.#meter(stills);
      }
      await sender.setParameters(parameters);
    });
  }

  #speak(parameters: RTCRtpSendParameters): void {
    const { bitrate, redundant } = voice(this.#rung);
    const codec = parameters.codecs.find((one) => one.mimeType.toLowerCase() === (redundant ? "audio/red" : "audio/opus"));
    for (const one of parameters.encodings as (RTCRtpEncodingParameters & { codec?: RTCRtpCodec })[]) {
      one.maxBitrate = bitrate;
      // Only where the server took both; browsers that cannot choose in a call go on as they began.
      if (codec && parameters.codecs.some((other) => other.mimeType.toLowerCase() === "audio/red")) one.codec = codec;
    }
  }

  #hint(): void {
    if (!this.sound) this.#track.contentHint = this.source === "screen" || this.#rung === "stills" ? "detail" : "motion";
  }

  /** Stills: the sender has a track for a moment every few seconds. Browsers take no frame rate below one a second. */
  #meter(stills: boolean): void {
    if (stills === (this.#stills !== null)) return;
    const { sender } = this.transceiver;
    if (!stills) {
      clearInterval(this.#stills ?? undefined);
      this.#stills = null;
      void sender.replaceTrack(this.#track).catch(() => undefined);
      return;
    }
    const shoot = () => {
      void sender.replaceTrack(this.#track).catch(() => undefined);
      setTimeout(() => {
        if (this.#stills !== null) void sender.replaceTrack(null).catch(() => undefined);
      }, SHUTTER_MS);
    };
    this.#stills = setInterval(shoot, STILL_EVERY_MS);
    shoot();
  }
}

function encoding({ rid, scale, bitrate }: Layer): RTCRtpEncodingParameters {
  // One temporal layer: with more of them a viewer skips a frame that lacks a packet instead of waiting for its repair.
  const one = { scaleResolutionDownBy: scale, maxBitrate: bitrate, scalabilityMode: "L1T1" };
  return rid === "" ? one : { ...one, rid };
}
