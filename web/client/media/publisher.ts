// The publish connection: this browser offers its sounds and pictures, the worker answers.

import { CallError, type Connection } from "../core/connection.ts";
import { Queue } from "../core/queue.ts";
import { Recovery } from "../core/recovery.ts";
import type { Role, Rung } from "../core/protocol.ts";
import { share, worse } from "../core/sending.ts";
import { UplinkJudge } from "../core/uplink.ts";
import { Sending } from "./sending.ts";

const LOOK_MS = 1_000;
const RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 15_000;

export class Publisher {
  readonly #connection: Connection;
  readonly #consultId: string;
  readonly #role: Role;
  readonly #queue = new Queue();
  readonly #stream = new MediaStream();
  readonly #tracks = new Map<string, MediaStreamTrack>();
  readonly recovery = new Recovery();
  iceServers: RTCIceServer[] = [];
  #sendings: Sending[] = [];
  #peer: RTCPeerConnection | null = null;
  readonly #judge = new UplinkJudge();
  readonly #looks: ReturnType<typeof setInterval>;
  #arrives: Rung = "hd";
  #retry = RETRY_MS;
  #acknowledged = 0;
  #closed = false;

  /** `role` decides which of one's pictures goes first when the line is thin. */
  constructor(connection: Connection, consultId: string, role: Role = "requester") {
    this.#connection = connection;
    this.#consultId = consultId;
    this.#role = role;
    this.#looks = setInterval(() => void this.#look(), LOOK_MS);
  }

  /** Whether there is a connection that can be kept. */
  get sending(): boolean {
    return this.#peer !== null;
  }

  get sources(): ReadonlyMap<string, MediaStreamTrack> {
    return this.#tracks;
  }

  /** Send these tracks from now on, by source. Throws CallError when the server says no. */
  async start(tracks: ReadonlyMap<string, MediaStreamTrack>): Promise<void> {
    for (const [source, track] of tracks) this.#tracks.set(source, track);
    await this.rebuild();
  }

  /** Send one more, or another track in the place of the one of that source. */
  async add(source: string, track: MediaStreamTrack): Promise<void> {
    this.#tracks.set(source, track);
    const there = this.#sendings.find((one) => one.source === source);
    if (there) return there.replace(track);
    if (this.#peer === null) return this.rebuild();
    try {
      await this.#negotiate(() => this.#send(source, track), {});
    } catch (error) {
      if (error instanceof CallError && error.code !== "offline") await this.drop(source).catch(() => undefined);
      throw error;
    }
  }

  /** Send it no longer. */
  async drop(source: string): Promise<void> {
    this.#tracks.delete(source);
    const gone = this.#sendings.find((one) => one.source === source);
    if (gone === undefined) return;
    await this.#negotiate(() => {
      this.#sendings = this.#sendings.filter((one) => one !== gone);
      gone.close();
      gone.transceiver.stop();
    }, {});
  }

  /** What of the camera arrives, by the worker's measure. It is told to the person; what is sent follows the line. */
  uplink(rung: Rung): void {
    this.#arrives = rung;
  }

  /** What the others get of one's pictures at best. */
  get rung(): Rung {
    return worse(this.#arrives, this.#judge.rung);
  }

  /** The layers of one's own m-section that somebody watches. */
  layers(mid: string, rids: readonly string[]): void {
    const sending = this.#sendings.find((one) => one.mid === mid && !one.sound);
    void sending?.watched(rids).catch(() => undefined);
  }

  /** Keep the connection, with new ICE credentials, as after a change of network. */
  restartIce(): Promise<void> {
    return this.#negotiate(() => undefined, { iceRestart: true });
  }

  /** Build the connection anew, as after the loss of the worker. */
  rebuild(): Promise<void> {
    return this.#queue.run(async () => {
      if (this.#closed || this.#tracks.size === 0) return;
      this.#peer?.close();
      for (const sending of this.#sendings) sending.close();
      const peer = new RTCPeerConnection({ iceServers: this.iceServers, bundlePolicy: "max-bundle" });
      this.#peer = peer;
      this.#sendings = [];
      for (const [source, track] of this.#tracks) this.#send(source, track);
      peer.addEventListener("connectionstatechange", () => {
        if (peer !== this.#peer) return;
        if (peer.connectionState === "failed" || peer.connectionState === "disconnected") this.recovery.broken(performance.now());
      });
      await this.#offer(peer, {});
    });
  }

  /** Build anew until it is done. */
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

  close(): void {
    this.#closed = true;
    clearInterval(this.#looks);
    for (const sending of this.#sendings) sending.close();
    this.#peer?.close();
    this.#peer = null;
  }

  /** What the other end has reported, and what the browser thinks that the line carries. */
  async #look(): Promise<void> {
    const at = performance.now();
    const peer = this.#peer;
    if (peer === null) return;
    let newest = 0;
    let available: number | null = null;
    for (const report of (await peer.getStats()).values()) {
      if (report.type === "remote-inbound-rtp") newest = Math.max(newest, report.timestamp);
      if (report.type === "candidate-pair" && report.nominated) available = report.availableOutgoingBitrate ?? available;
    }
    if (newest > this.#acknowledged) this.recovery.flows(at);
    this.#acknowledged = newest;
    const before = this.#judge.rung;
    if (peer.connectionState === "connected" && this.#judge.judge(at, available) !== before) this.#fit();
  }

  #send(source: string, track: MediaStreamTrack): void {
    if (this.#peer === null) return;
    // Camera and microphone play in lip sync; whatever else is sent stands for itself.
    const stream = source === "camera" || source === "microphone" ? this.#stream : new MediaStream();
    this.#sendings.push(new Sending(this.#peer, source, track, stream));
  }

  #negotiate(change: () => void, options: RTCOfferOptions): Promise<void> {
    return this.#queue.run(async () => {
      const peer = this.#peer;
      if (this.#closed || peer === null) return;
      change();
      await this.#offer(peer, options);
    });
  }

  async #offer(peer: RTCPeerConnection, options: RTCOfferOptions): Promise<void> {
    await peer.setLocalDescription(await peer.createOffer(options));
    if (this.#sendings.length === 0) return;
    // The worker is ICE-lite and learns our address from our checks: nothing waits for gathering.
    const answer = await this.#connection.call<{ sdp: string }>("publish", {
      consult_id: this.#consultId,
      sdp: peer.localDescription?.sdp ?? "",
      sources: Object.fromEntries(this.#sendings.map((one) => [one.mid, one.source])),
    });
    await peer.setRemoteDescription({ type: "answer", sdp: answer.sdp });
    await Promise.all(this.#sendings.map((one) => one.answered(answer.sdp)));
    this.#fit();
  }

  #fit(): void {
    const pictures = this.#sendings.filter((one) => !one.sound).map((one) => one.source);
    const shares = share(this.#role, pictures, this.#judge.rung);
    for (const sending of this.#sendings) {
      void sending.fit(sending.sound ? this.#judge.rung : (shares.get(sending.source) ?? this.#judge.rung)).catch(() => undefined);
    }
  }
}
