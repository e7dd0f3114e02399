// The publish connection: this browser offers its microphone and camera, the worker answers.

import type { Connection } from "../core/connection.ts";
import { Queue } from "../core/queue.ts";

const VIDEO_BITRATE = 1_500_000;
const RETRY_MS = 1_000;

export class Publisher {
  readonly #connection: Connection;
  readonly #consultId: string;
  readonly #queue = new Queue();
  #stream: MediaStream | null = null;
  #peer: RTCPeerConnection | null = null;
  #closed = false;

  constructor(connection: Connection, consultId: string) {
    this.#connection = connection;
    this.#consultId = consultId;
  }

  /** Send this stream; an earlier connection is replaced. Throws CallError when the server says no. */
  async start(stream: MediaStream): Promise<void> {
    this.#stream = stream;
    await this.restart();
  }

  /** Build the connection anew, as after the loss of the worker. */
  restart(): Promise<void> {
    return this.#queue.run(async () => {
      if (this.#closed || this.#stream === null || this.#stream.getTracks().length === 0) return;
      this.#peer?.close();
      const peer = new RTCPeerConnection({ iceServers: [], bundlePolicy: "max-bundle" });
      this.#peer = peer;
      const sources = new Map<RTCRtpTransceiver, string>();
      for (const track of this.#stream.getTracks()) {
        const video = track.kind === "video";
        if (video) track.contentHint = "motion";
        const transceiver = peer.addTransceiver(track, {
          direction: "sendonly",
          streams: [this.#stream],
          ...(video ? { sendEncodings: [{ maxBitrate: VIDEO_BITRATE }] } : {}),
        });
        sources.set(transceiver, video ? "camera" : "microphone");
      }
      peer.addEventListener("connectionstatechange", () => {
        if (peer === this.#peer && peer.connectionState === "failed") this.#again();
      });
      await peer.setLocalDescription();
      // The worker is ICE-lite and learns our address from our checks: nothing waits for gathering.
      const answer = await this.#connection.call<{ sdp: string }>("publish", {
        consult_id: this.#consultId,
        sdp: peer.localDescription?.sdp ?? "",
        sources: Object.fromEntries([...sources].map(([transceiver, source]) => [transceiver.mid ?? "", source])),
      });
      await peer.setRemoteDescription({ type: "answer", sdp: answer.sdp });
    });
  }

  #again(): void {
    setTimeout(() => {
      if (!this.#closed) this.restart().catch(() => this.#again());
    }, RETRY_MS);
  }

  /** Put another device's track in the place of the one of its kind, without negotiating. */
  async replace(track: MediaStreamTrack): Promise<void> {
    const sender = this.#peer?.getSenders().find((one) => one.track?.kind === track.kind);
    await sender?.replaceTrack(track);
  }

  close(): void {
    this.#closed = true;
    this.#peer?.close();
    this.#peer = null;
  }
}
