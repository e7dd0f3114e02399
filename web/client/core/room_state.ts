// What a room's page knows, as one value that changes by pure functions. No DOM, no network.

import type { ChatLine, Joined, LogEntry, Participant } from "./protocol.ts";

export interface PendingLine {
  client_id: string;
  text: string;
}

export interface RoomState {
  self: string | null;
  started_at: string | null;
  participants: readonly Participant[];
  entries: readonly LogEntry[];
  chat: readonly ChatLine[];
  /** Own lines that the server has not kept yet, in the order in which they were written. */
  pending: readonly PendingLine[];
  ended: boolean;
  /** It goes on in writing, and no longer here. */
  written: boolean;
}

export const EMPTY: RoomState = {
  self: null,
  started_at: null,
  participants: [],
  entries: [],
  chat: [],
  pending: [],
  ended: false,
  written: false,
};

const ENDED = new Set(["ended", "closed", "cancelled"]);

/** Merge by number: what is there already stays, what is new comes in its place. */
function merged<T extends { number: number }>(known: readonly T[], more: readonly T[]): readonly T[] {
  const numbers = new Set(known.map((item) => item.number));
  const fresh = more.filter((item) => !numbers.has(item.number));
  return fresh.length === 0 ? known : [...known, ...fresh].sort((a, b) => a.number - b.number);
}

export function joined(state: RoomState, answer: Joined): RoomState {
  const after = withChat(withEntries(state, answer.entries), answer.chat);
  return {
    ...after,
    self: answer.participant_id,
    started_at: answer.started_at ?? after.started_at,
    participants: answer.participants,
    ended: after.ended || ENDED.has(answer.state),
    written: answer.state === "written",
  };
}

export function withEntries(state: RoomState, entries: readonly LogEntry[]): RoomState {
  const claimed = entries.find((entry) => entry.kind === "claimed");
  const turn = entries.filter((entry) => entry.kind === "written" || entry.kind === "raised").at(-1);
  return {
    ...state,
    entries: merged(state.entries, entries),
    started_at: state.started_at ?? claimed?.at ?? null,
    ended: state.ended || entries.some((entry) => ENDED.has(entry.kind)),
    written: turn ? turn.kind === "written" : state.written,
  };
}

export function withChat(state: RoomState, lines: readonly ChatLine[]): RoomState {
  const kept = new Set(lines.map((line) => line.client_id));
  return {
    ...state,
    chat: merged(state.chat, lines),
    pending: state.pending.filter((line) => !kept.has(line.client_id)),
  };
}

/** A line that is known, on its way or kept already, changes nothing: a reload brings back what may have arrived. */
export function withPending(state: RoomState, line: PendingLine): RoomState {
  if ([...state.chat, ...state.pending].some((known) => known.client_id === line.client_id)) return state;
  return { ...state, pending: [...state.pending, line] };
}

export function withParticipants(state: RoomState, participants: readonly Participant[]): RoomState {
  return { ...state, participants };
}

/** The number of the last entry that is known without a gap before it; to be asked for what came after. */
export function lastNumber(state: RoomState): number {
  let last = 0;
  for (const entry of state.entries) {
    if (entry.number !== last + 1) break;
    last = entry.number;
  }
  return last;
}

/** The others who may be seen, the one that matters most first: the other side, then those who were invited. */
export function others(state: RoomState): readonly Participant[] {
  const rank = { requester: 0, specialist: 0, invited: 1, observer: 2 };
  return state.participants
    .filter((person) => person.participant_id !== state.self && person.present && person.role !== "observer")
    .sort((a, b) => rank[a.role] - rank[b.role]);
}

/** `06:42`, or `1:06:42` from an hour on. */
export function elapsed(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value: number) => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const rest = `${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
  return hours ? `${hours}:${rest}` : rest;
}
