// The subscribe connection: the worker offers everything that the others send, this browser answers.

import { CallError, type Connection } from "../core/connection.ts";
import type { Sample } from "../core/line.ts";
import type { SubscribeOffer, TrackInfo } from "../core/protocol.ts";
import { Queue } from "../core/queue.ts";

const RETRY_MS = 1_000;

export interface Incoming {
  info: TrackInfo;
  track: MediaStreamTrack;
}

export class Subscriber {
  readonly #connection: Connection;
  readonly #consultId: string;
  readonly #show: (incoming: Incoming[]) => void;
  readonly #queue = new Queue();
  #peer: RTCPeerConnection | null = null;
  #revision = -1;
  #generation = 0;
  #tracks: TrackInfo[] = [];
  #closed = false;

  /** `show` is given all streams of the others each time that they change. */
  constructor(connection: Connection, consultId: string, show: (incoming: Incoming[]) => void) {
    this.#connection = connection;
    this.#consultId = consultId;
    this.#show = show;
    connection.on("subscribe_offer", (offer) => {
      if (offer.consult_id !== consultId) return;
      const generation = this.#generation;
      void this.#queue.run(() => this.#apply(offer, generation)).catch(() => this.#again());
    });
  }

  /** Ask for the offer and answer it; an earlier connection is replaced. */
  restart(): Promise<void> {
    this.#generation += 1;
    const generation = this.#generation;
    return this.#queue.run(async () => {
      if (this.#closed || generation !== this.#generation) return;
      this.#peer?.close();
      const peer = new RTCPeerConnection({ iceServers: [], bundlePolicy: "max-bundle" });
      this.#peer = peer;
      this.#revision = -1;
      peer.addEventListener("connectionstatechange", () => {
        if (peer === this.#peer && peer.connectionState === "failed") this.#again();
      });
      const offer = await this.#connection.call<SubscribeOffer>("subscribe", { consult_id: this.#consultId });
      await this.#apply(offer, generation);
    });
  }

  async #apply(offer: SubscribeOffer, generation: number): Promise<void> {
    const peer = this.#peer;
    if (peer === null || this.#closed || generation !== this.#generation || offer.revision <= this.#revision) return;
    this.#revision = offer.revision;
    await peer.setRemoteDescription({ type: "offer", sdp: offer.sdp });
    await peer.setLocalDescription();
    this.#tracks = offer.tracks;
    this.#show(this.incoming());
    try {
      await this.#connection.call("answer", {
        consult_id: this.#consultId,
        sdp: peer.localDescription?.sdp ?? "",
        revision: offer.revision,
      });
    } catch (error) {
      // A newer offer is on its way and will be answered.
      if (!(error instanceof CallError) || error.code !== "media.revision_stale") throw error;
    }
  }

  #again(): void {
    setTimeout(() => {
      if (!this.#closed) this.restart().catch(() => this.#again());
    }, RETRY_MS);
  }

  incoming(): Incoming[] {
    const byMid = new Map(this.#peer?.getTransceivers().map((one) => [one.mid, one.receiver.track]) ?? []);
    return this.#tracks.flatMap((info) => {
      const track = info.mid === null ? undefined : byMid.get(info.mid);
      return track ? [{ info, track }] : [];
    });
  }

  /** Counters for the judge of the line, and whose sound has been heard. */
  async sample(): Promise<{ sample: Sample; heard: Set<string> } | null> {
    if (this.#peer === null || this.#tracks.length === 0) return null;
    const sample: Sample = { at: performance.now(), packets: 0, lost: 0, frames: 0, audio: 0, expectsVideo: false };
    const heard = new Set<string>();
    for (const report of (await this.#peer.getStats()).values()) {
      if (report.type !== "inbound-rtp") continue;
      sample.packets += report.packetsReceived ?? 0;
      sample.lost += report.packetsLost ?? 0;
      if (report.kind === "video") sample.frames += report.framesDecoded ?? 0;
      else {
        const played = (report.jitterBufferEmittedCount ?? 0) - (report.concealedSamples ?? 0);
        sample.audio += report.packetsReceived ?? 0;
        if (played > 0 && report.mid !== undefined) heard.add(String(report.mid));
      }
    }
    return { sample, heard };
  }

  close(): void {
    this.#closed = true;
    this.#peer?.close();
    this.#peer = null;
  }
}
