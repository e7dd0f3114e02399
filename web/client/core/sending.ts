// What is sent of each picture on each rung of the ladder. Pure: sizes, rungs and wishes in, encodings out.

import type { Role, Rung } from "./protocol.ts";

export const RUNGS: readonly Rung[] = ["hd", "reduced", "low", "stills", "audio"];

/** One simulcast layer, the smallest first; a picture of a single layer has no rid. */
export interface Layer {
  rid: string;
  scale: number;
  bitrate: number;
}

export interface Encoding {
  active: boolean;
  scaleResolutionDownBy: number;
  maxBitrate: number;
  /** Whole frames a second: Chromium takes 0.33 for none at all. Stills are metered by their sender instead. */
  maxFramerate: number;
}

export interface Plan {
  encodings: Encoding[];
  /** One frame every few seconds. */
  stills: boolean;
}

const FPS = 30;
const STILL_BITRATE = 100_000;
const REDUCED_BITRATE = 450_000;
const LOW_BITRATE = 150_000;
/** A shared screen has to be read: it keeps its size and loses frames. */
const SCREEN: Record<Rung, [bitrate: number, fps: number]> = {
  hd: [1_500_000, 15],
  reduced: [600_000, 5],
  low: [250_000, 2],
  stills: [STILL_BITRATE, 1],
  audio: [STILL_BITRATE, 1],
};

/**
 * The layers of a picture of this width. Chromium sends as many layers as it finds worth while for a size: three from
 * 960 pixels on, two from 480. One more would silently never be sent, and it would be the best.
 */
export function layersOf(source: string, width: number): Layer[] {
  if (source === "screen" || width < 480) return [single(source)];
  if (width < 960) return [layer("h", 2, 150_000), layer("f", 1, 1_200_000)];
  return [layer("q", 4, 150_000), layer("h", 2, 500_000), layer("f", 1, 1_800_000)];
}

/** What is left when the server takes no simulcast: the whole picture once. */
export function single(source: string): Layer {
  return layer("", 1, source === "screen" ? SCREEN.hd[0] : 1_500_000);
}

function layer(rid: string, scale: number, bitrate: number): Layer {
  return { rid, scale, bitrate };
}

/** `wanted`: the rids that somebody watches, or null when that is not known. */
export function plan(source: string, layers: readonly Layer[], rung: Rung, wanted: ReadonlySet<string> | null): Plan {
  const encodings = source === "screen" ? screen(layers, rung) : camera(layers, rung);
  watch(encodings, layers, wanted);
  return { encodings, stills: rung === "stills" };
}

function screen(layers: readonly Layer[], rung: Rung): Encoding[] {
  const [maxBitrate, maxFramerate] = SCREEN[rung];
  return layers.map(() => ({ active: rung !== "audio", scaleResolutionDownBy: 1, maxBitrate, maxFramerate }));
}

function camera(layers: readonly Layer[], rung: Rung): Encoding[] {
  const last = layers.length - 1;
  return layers.map(({ scale, bitrate }, place) => {
    const encoding = { active: true, scaleResolutionDownBy: scale, maxBitrate: bitrate, maxFramerate: FPS };
    if (rung === "reduced") {
      if (last > 1) encoding.active = place < last;
      else encoding.maxBitrate = Math.min(bitrate, REDUCED_BITRATE);
      if (last === 0) encoding.scaleResolutionDownBy = 1.5;
    } else if (rung === "low") {
      encoding.active = place === 0;
      encoding.maxBitrate = Math.min(bitrate, LOW_BITRATE);
      if (last === 0) encoding.scaleResolutionDownBy = 3;
    } else if (rung === "stills") {
      // Whole pictures in the place of the smallest layer: it is the one that the server always takes.
      Object.assign(encoding, { active: place === 0, scaleResolutionDownBy: 1, maxBitrate: STILL_BITRATE, maxFramerate: 1 });
    } else if (rung === "audio") encoding.active = false;
    return encoding;
  });
}

/** Layers that nobody watches are not sent; if only such remain, the best of them stands in for what is watched. */
function watch(encodings: Encoding[], layers: readonly Layer[], wanted: ReadonlySet<string> | null): void {
  if (wanted === null) return;
  const possible = encodings.filter((encoding) => encoding.active);
  encodings.forEach((encoding, place) => {
    if (layers.length > 1) encoding.active &&= wanted.has(layers[place]?.rid ?? "");
    else encoding.active &&= wanted.size > 0;
  });
  const best = possible.at(-1);
  if (best && wanted.size > 0 && !encodings.some((encoding) => encoding.active)) best.active = true;
}

/**
 * The rung of each of one's pictures when the line carries `rung`. The clinic's camera outlives its other pictures;
 * everybody else's camera is the first to go.
 */
export function share(role: Role, sources: readonly string[], rung: Rung): Map<string, Rung> {
  const rank = (source: string) => (source === "camera" ? (role === "requester" ? 0 : 3) : source === "screen" ? 1 : 2);
  const ordered = [...sources].sort((one, other) => rank(one) - rank(other));
  return new Map(ordered.map((source, place) => [source, rung === "hd" || place === 0 ? rung : below(rung)]));
}

function below(rung: Rung): Rung {
  return RUNGS[Math.min(RUNGS.indexOf(rung) + 1, RUNGS.length - 1)] ?? "audio";
}

export function worse(one: Rung, other: Rung): Rung {
  return RUNGS.indexOf(one) > RUNGS.indexOf(other) ? one : other;
}

/** Bits a second for one's voice, and whether each packet repeats the one before: a thin line has no room for that. */
export function voice(rung: Rung): { bitrate: number; redundant: boolean } {
  const thin = rung === "stills" || rung === "audio";
  return { bitrate: thin ? 16_000 : 32_000, redundant: !thin };
}
