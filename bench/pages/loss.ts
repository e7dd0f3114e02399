// One side of a consult on a bad line: the product's own publisher or subscriber, and what it sent, got and showed.
//
// The script is bundled for the bench and knows the server only by `ask` and `notice`, which stand for the socket.
// All times are milliseconds of the wall clock.

import type { Connection } from "../../web/client/core/connection.ts";
import type { Rung } from "../../web/client/core/protocol.ts";
import { capture } from "../../web/client/media/devices.ts";
import { Publisher } from "../../web/client/media/publisher.ts";
import { Subscriber } from "../../web/client/media/subscriber.ts";

declare global {
  /** Installed by the bench: a call that the server acknowledges. */
  function ask(event: string, payload: object): Promise<unknown>;
  /** With `var`: TypeScript takes nothing else for a property of the page's global object. */
  var bench: Bench;
}

const SAMPLE_MS = 500;
/** The room looks at what arrives this often, and lets pictures wait for repairs by what it sees. */
const LOOK_MS = 1_000;
const KEPT = [
  "type", "kind", "mid", "rid", "ssrc", "active", "frames", "bytesReceived", "bytesSent", "packetsReceived", "packetsSent",
  "packetsLost", "packetsDiscarded", "retransmittedPacketsReceived", "retransmittedPacketsSent", "nackCount",
  "pliCount", "framesReceived", "framesDecoded", "framesDropped", "framesSent", "keyFramesDecoded",
  "keyFramesEncoded", "freezeCount", "totalFreezesDuration", "frameHeight", "framesPerSecond", "targetBitrate",
  "qualityLimitationReason", "concealedSamples", "silentConcealedSamples", "totalSamplesReceived", "fecPacketsReceived",
  "jitterBufferDelay", "jitterBufferEmittedCount", "insertedSamplesForDeceleration", "removedSamplesForAcceleration",
  "availableOutgoingBitrate", "availableIncomingBitrate", "currentRoundTripTime", "roundTripTime", "fractionLost",
];

/** Sees each encoded frame of a sender or receiver, from a worker of its own so that the page's work delays nothing. */
const WATCHER = `
const frames = [];
function mark(data) {
  const bytes = new Uint8Array(data), length = bytes.length;
  let hash = 2166136261 ^ length;
  for (let at = 0; at < length; at += at < 64 || at >= length - 65 ? 1 : 17) hash = Math.imul(hash ^ bytes[at], 16777619);
  return hash >>> 0;
}
onrtctransform = ({ transformer }) => {
  transformer.readable.pipeThrough(new TransformStream({
    transform(frame, controller) {
      const about = frame.getMetadata();
      frames.push([performance.timeOrigin + performance.now(), about.synchronizationSource,
        about.rtpTimestamp ?? frame.timestamp, mark(frame.data), frame.data.byteLength, frame.type === 'key' ? 1 : 0]);
      controller.enqueue(frame);
    },
  })).pipeTo(transformer.writable);
};
onmessage = () => postMessage(frames);
`;

class Bench {
  readonly #handlers = new Map<string, (payload: never) => void>();
  readonly #watcher = new Worker(URL.createObjectURL(new Blob([WATCHER], { type: "text/javascript" })));
  readonly #peers: RTCPeerConnection[] = [];
  readonly #shown: [number, number, number][] = [];
  readonly #samples: { at: number; reports: Record<string, unknown>[] }[] = [];

  constructor() {
    const bench = this;
    const transform = () => new RTCRtpScriptTransform(this.#watcher, {});
    globalThis.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(configuration?: RTCConfiguration) {
        super(configuration);
        bench.#peers.push(this);
      }
      /** A receiver takes a transform only before its stream begins, even if nothing is sent on it yet. */
      override async setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void> {
        await super.setRemoteDescription(description);
        for (const { receiver } of this.getTransceivers()) {
          if (receiver.track.kind === "video" && !receiver.transform) receiver.transform = transform();
        }
      }
      override addTransceiver(track: MediaStreamTrack | string, options?: RTCRtpTransceiverInit): RTCRtpTransceiver {
        const transceiver = super.addTransceiver(track, options);
        if (transceiver.sender.track?.kind === "video") transceiver.sender.transform = transform();
        return transceiver;
      }
    };
    setInterval(() => void this.#sample(), SAMPLE_MS);
  }

  /** Stands for the socket. */
  get connection(): Connection {
    return {
      connected: true,
      call: (event: string, payload: object) => ask(event, payload),
      on: (event: string, handler: (payload: never) => void) => this.#handlers.set(event, handler),
      onConnect: (handler: () => void) => handler(),
      onDisconnect: () => undefined,
    } as unknown as Connection;
  }

  /** The server says something unasked. */
  notice(event: string, payload: never): void {
    this.#handlers.get(event)?.(payload);
  }

  /** The clinic's side: its camera outlives whatever else it sends. */
  async publish(room: string): Promise<void> {
    const publisher = new Publisher(this.connection, room, "requester");
    this.#handlers.set("uplink", ({ rung }: { rung: Rung }) => publisher.uplink(rung));
    this.#handlers.set("layers", ({ mid, rids }: { mid: string; rids: string[] }) => publisher.layers(mid, rids));
    const stream = await capture({});
    const sources = { audio: "microphone", video: "camera" } as Record<string, string>;
    await publisher.start(new Map(stream.getTracks().map((track) => [sources[track.kind] ?? "", track])));
  }

  async watch(room: string): Promise<void> {
    const video = document.querySelector("video") as HTMLVideoElement;
    const shown = new MediaStream();
    video.srcObject = shown;
    const note = (_: number, frame: VideoFrameCallbackMetadata) => {
      this.#shown.push([performance.timeOrigin + performance.now(), frame.height, frame.rtpTimestamp ?? 0]);
      video.requestVideoFrameCallback(note);
    };
    video.requestVideoFrameCallback(note);
    const subscriber = new Subscriber(this.connection, room, (incoming) => {
      for (const { track } of incoming) shown.addTrack(track);
    });
    await subscriber.rebuild();
    setInterval(() => void subscriber.arrived(), LOOK_MS);
  }

  get shownFrames(): number {
    return this.#shown.length;
  }

  async #sample(): Promise<void> {
    const at = performance.timeOrigin + performance.now();
    const reports: Record<string, unknown>[] = [];
    for (const peer of this.#peers) {
      if (peer.connectionState === "closed") continue;
      for (const report of (await peer.getStats()).values()) {
        const wanted = report.type === "candidate-pair" ? report.nominated : /^((in|out|remote-in)bound-rtp|media-source)$/.test(report.type);
        if (wanted) reports.push(Object.fromEntries(KEPT.filter((key) => key in report).map((key) => [key, report[key]])));
      }
    }
    this.#samples.push({ at, reports });
  }

  async collect(): Promise<object> {
    const frames = await new Promise((resolve) => {
      this.#watcher.onmessage = (event) => resolve(event.data);
      this.#watcher.postMessage("");
    });
    await this.#sample();
    return { frames, shown: this.#shown, samples: this.#samples };
  }
}

globalThis.bench = new Bench();
