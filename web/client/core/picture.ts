// What a tile says of its picture: covered or not, and in words what happens and why. Pure.

import type { Cause, Participant, Rung } from "./protocol.ts";

export type Cover =
  | "connecting" | "camera_off" | "reconnecting" | "gone"
  | "audio_only_them" | "audio_only_me" | "uplink_audio" | "downlink_audio";

/** `words` names the sentence, `short` the one for a small tile. */
export interface Chip {
  words: string;
  short: string;
  tone: "ok" | "urgent" | "quiet";
  seconds: number;
}

export interface Picture {
  cover: Cover | null;
  chip: Chip | null;
}

export interface Seen {
  person: Participant | null;
  source: string;
  /** Whether there is a track for it at all. */
  arrives: boolean;
  begun: boolean;
  stoodMs: number;
  rung: Rung;
  cause: Cause;
  soundBroken: boolean;
  audioOnly: boolean;
}

const STANDS_MS = 2_000;
const STILL_STANDS_MS = 9_000;
const GONE_MS = 4_000;

/** How long a picture may stand before it has to be said. */
export function patience(rung: Rung): number {
  return rung === "stills" ? STILL_STANDS_MS : STANDS_MS;
}

export function picture(seen: Seen): Picture {
  const cover = covered(seen);
  return { cover, chip: cover === null || seen.soundBroken ? chip(seen, cover !== null) : null };
}

function covered(seen: Seen): Cover | null {
  const camera = seen.source === "camera";
  if (seen.person !== null && !seen.person.connected) return "reconnecting";
  if (camera && seen.person?.audio_only) return "audio_only_them";
  if (camera && seen.person?.video === false) return "camera_off";
  if (seen.audioOnly) return "audio_only_me";
  if (!seen.arrives) return "connecting";
  // The server's word alone covers no picture that still moves now and then.
  const gone = seen.rung === "audio" && (!seen.begun || seen.stoodMs > GONE_MS);
  if (gone && (seen.cause === "uplink" || seen.cause === "downlink")) return `${seen.cause}_audio`;
  return seen.begun ? null : "connecting";
}

function chip(seen: Seen, hidden: boolean): Chip | null {
  const slow = seen.cause === "uplink" || seen.cause === "downlink" ? `${seen.cause}_` : "";
  const made = (words: string, short: string, seconds = 0): Chip => ({ words: `chip_${words}`, short: `short_${short}`, tone: "urgent", seconds });
  if (!hidden && seen.stoodMs > patience(seen.rung)) return made(`${slow}standing`, "standing", Math.floor(seen.stoodMs / 1000));
  const rung = seen.rung === "audio" ? "stills" : seen.rung;
  if (!hidden && slow !== "" && rung !== "hd") return made(slow + rung, rung);
  if (seen.soundBroken) return made("sound_broken", "sound_broken");
  return null;
}
