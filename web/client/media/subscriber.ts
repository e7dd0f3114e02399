// The subscribe connection: the worker offers everything that the others send, this browser answers.

import { CallError, type Connection } from "../core/connection.ts";
import type { Sample } from "../core/line.ts";
import type { Heard } from "../core/movement.ts";
import type { SubscribeOffer, TrackInfo } from "../core/protocol.ts";
import { Queue } from "../core/queue.ts";
import { Recovery } from "../core/recovery.ts";
import { session } from "./codecs.ts";

const RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 15_000;
/** How long pictures wait where packets have to be repaired: at least this, and so many round trips. */
const REPAIR_MS = 200;
const REPAIR_TRIPS = 3;
const LONGEST_REPAIR_MS = 400;
const CLEAN_MS = 30_000;

export interface Incoming {
  info: TrackInfo;
  track: MediaStreamTrack;
}

/** Counters of everything that arrives, at one moment. */
export interface Arrived {
  sample: Sample;
  /** Frames decoded, by track. */
  pictures: Map<string, number>;
  /** Samples played and made up, by track. */
  sounds: Map<string, Heard>;
  /** Whose sound has been heard, by mid. */
  heard: Set<string>;
}

export class Subscriber {
  readonly #connection: Connection;
  readonly #consultId: string;
  readonly #show: (incoming: Incoming[]) => void;
  readonly #queue = new Queue();
  readonly recovery = new Recovery();
  iceServers: RTCIceServer[] = [];
  /** Told of the tracks of each offer before it is answered: wishes that are told now hold from the first packet. */
  beforeAnswer: (tracks: readonly TrackInfo[], fresh: boolean) => void = () => undefined;
  #peer: RTCPeerConnection | null = null;
  #revision = -1;
  #generation = 0;
  #tracks: TrackInfo[] = [];
  #retry = RETRY_MS;
  #nacks = 0;
  #repairedAt = -Infinity;
  #closed = false;

  /** `show` is given all streams of the others each time that they change. */
  constructor(connection: Connection, consultId: string, show: (incoming: Incoming[]) => void) {
    this.#connection = connection;
    this.#consultId = consultId;
    this.#show = show;
    connection.on("subscribe_offer", (offer) => {
      if (offer.consult_id !== consultId) return;
      const generation = this.#generation;
      void this.#queue.run(() => this.#apply(offer, generation, false)).catch(() => this.again());
    });
  }

  get tracks(): readonly TrackInfo[] {
    return this.#tracks;
  }

  /** Ask for the offer and answer it; an earlier connection is replaced. */
  rebuild(): Promise<void> {
    return this.#ask(false);
  }

  /** Keep the connection with new ICE credentials, if the server can; otherwise it is replaced. */
  restartIce(): Promise<void> {
    return this.#ask(true);
  }

  /** Ask anew until it is done. */
  again(): void {
    setTimeout(() => {
      if (this.#closed) return;
      this.rebuild().then(
        () => (this.#retry = RETRY_MS),
        () => this.again(),
      );
    }, this.#retry);
    this.#retry = Math.min(LONGEST_RETRY_MS, this.#retry * 2);
  }

  #ask(restart: boolean): Promise<void> {
    this.#generation += 1;
    const generation = this.#generation;
    return this.#queue.run(async () => {
      if (this.#closed || generation !== this.#generation) return;
      const offer = await this.#connection.call<SubscribeOffer>("subscribe", { consult_id: this.#consultId, restart });
      if (this.#closed || generation !== this.#generation) return;
      const kept = this.#peer?.remoteDescription?.sdp;
      const fresh = !restart || kept === undefined || session(kept) !== session(offer.sdp);
      if (fresh) this.#open();
      await this.#apply(offer, generation, fresh);
    });
  }

  #open(): void {
    this.#peer?.close();
    const peer = new RTCPeerConnection({ iceServers: this.iceServers, bundlePolicy: "max-bundle" });
    this.#peer = peer;
    this.#revision = -1;
    peer.addEventListener("connectionstatechange", () => {
      if (peer !== this.#peer) return;
      if (peer.connectionState === "failed" || peer.connectionState === "disconnected") this.recovery.broken(performance.now());
    });
  }

  async #apply(offer: SubscribeOffer, generation: number, fresh: boolean): Promise<void> {
    const peer = this.#peer;
    if (peer === null || this.#closed || generation !== this.#generation || offer.revision <= this.#revision) return;
    this.#revision = offer.revision;
    await peer.setRemoteDescription({ type: "offer", sdp: offer.sdp });
    await peer.setLocalDescription();
    this.#tracks = offer.tracks;
    this.#show(this.incoming());
    this.beforeAnswer(offer.tracks, fresh);
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

  incoming(): Incoming[] {
    const byMid = new Map(this.#peer?.getTransceivers().map((one) => [one.mid, one.receiver.track]) ?? []);
    return this.#tracks.flatMap((info) => {
      const track = info.mid === null ? undefined : byMid.get(info.mid);
      return track ? [{ info, track }] : [];
    });
  }

  /** Counters for the judges of line, pictures and sound. */
  async arrived(): Promise<Arrived | null> {
    if (this.#peer === null || this.#tracks.length === 0) return null;
    const at = performance.now();
    const found: Arrived = {
      sample: { at, packets: 0, lost: 0, frames: 0, audio: 0, expectsVideo: false },
      pictures: new Map(),
      sounds: new Map(),
      heard: new Set(),
    };
    const { sample } = found;
    let nacks = 0;
    let trip = 0;
    const byMid = new Map(this.#tracks.map((info) => [info.mid, info.track_id]));
    for (const report of (await this.#peer.getStats()).values()) {
      if (report.type === "candidate-pair" && report.nominated) trip = 1_000 * (report.currentRoundTripTime ?? 0);
      if (report.type !== "inbound-rtp") continue;
      const trackId = byMid.get(String(report.mid)) ?? "";
      sample.packets += report.packetsReceived ?? 0;
      sample.lost += report.packetsLost ?? 0;
      if (report.kind === "video") {
        sample.frames += report.framesDecoded ?? 0;
        nacks += report.nackCount ?? 0;
        found.pictures.set(trackId, report.framesDecoded ?? 0);
      } else {
        const concealed = report.concealedSamples ?? 0;
        const played = (report.jitterBufferEmittedCount ?? 0) - concealed;
        sample.audio += report.packetsReceived ?? 0;
        const silent = report.silentConcealedSamples ?? 0;
        found.sounds.set(trackId, { total: report.totalSamplesReceived ?? 0, concealed: concealed - silent });
        if (played > 0 && report.mid !== undefined) found.heard.add(String(report.mid));
      }
    }
    this.#hold(nacks, trip, at);
    return found;
  }

  /** While packets have to be repaired, pictures wait long enough for it: a little later is better than a stop. */
  #hold(nacks: number, trip: number, at: number): void {
    if (nacks > this.#nacks) this.#repairedAt = at;
    this.#nacks = nacks;
    const wait = Math.min(LONGEST_REPAIR_MS, Math.max(REPAIR_MS, REPAIR_TRIPS * trip));
    // In steps, so that a round trip that trembles moves no picture.
    const target = at - this.#repairedAt < CLEAN_MS ? 20 * Math.round(wait / 20) : null;
    for (const { receiver } of this.#peer?.getTransceivers() ?? []) {
      const buffered = receiver as RTCRtpReceiver & { jitterBufferTarget?: number | null };
      if (receiver.track.kind === "video" && "jitterBufferTarget" in buffered && buffered.jitterBufferTarget !== target) {
        buffered.jitterBufferTarget = target;
      }
    }
  }

  close(): void {
    this.#closed = true;
    this.#peer?.close();
    this.#peer = null;
  }
}
