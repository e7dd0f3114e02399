// Which tiles a room has and which of them is large. Pure: people and tracks in, places out.

import type { Participant, TrackInfo } from "./protocol.ts";

export interface Place {
  /** The same for as long as the picture belongs to one source of one person. */
  key: string;
  participantId: string;
  person: Participant | null;
  source: string;
  tracks: TrackInfo[];
}

const PERSON = new Set(["camera", "microphone"]);

/** One tile a person, and one for each further picture: a screen, a second camera, a device. */
export function places(people: readonly Participant[], tracks: readonly TrackInfo[]): Place[] {
  const found = new Map<string, Place>();
  for (const person of people) {
    const key = person.participant_id;
    found.set(key, { key, participantId: key, person, source: "camera", tracks: [] });
  }
  const known = new Map(people.map((person) => [person.participant_id, person]));
  for (const track of [...tracks].sort((one, other) => other.kind.localeCompare(one.kind))) {  // pictures before sounds
    const person = known.get(track.participant_id) ?? null;
    const usual = PERSON.has(track.source) && person !== null;
    const key = usual ? track.participant_id : `${track.participant_id}/${PERSON.has(track.source) ? "camera" : track.source}`;
    let place = found.get(key);
    if (place === undefined && track.kind === "audio") place = found.get(track.participant_id);
    if (place === undefined) {
      place = { key, participantId: track.participant_id, person, source: usual ? "camera" : track.source, tracks: [] };
      found.set(key, place);
    }
    place.tracks.push(track);
  }
  return [...found.values()];
}

/** The large one: what was pinned, else the newest shared screen, else whoever comes first. */
export function main(keys: readonly Place[], pinned: string | null): string | null {
  if (pinned !== null && keys.some((place) => place.key === pinned)) return pinned;
  return (keys.filter((place) => place.source === "screen").at(-1) ?? keys[0])?.key ?? null;
}

/** Columns and rows for that many small tiles beside the large one. */
export function grid(count: number): { columns: number; rows: number } {
  const columns = count <= 4 ? 1 : count <= 10 ? 2 : 3;
  return { columns, rows: Math.max(1, Math.ceil(count / columns)) };
}

/** The name of a source for people: a device as it was named, or the word of the page for a screen. */
export function sourceName(source: string, screen: string): string {
  if (source === "screen") return screen;
  return source.startsWith("device:") ? source.slice("device:".length) : source.replaceAll("_", " ");
}
