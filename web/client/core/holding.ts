// What a consult's log says of who has the case. Pure.

import type { LogEntry } from "./protocol.ts";

function last(entries: readonly LogEntry[], kinds: readonly string[]): LogEntry | null {
  let found: LogEntry | null = null;
  for (const entry of entries) if (kinds.includes(entry.kind)) found = entry;
  return found;
}

/** Whether the last claim still holds; true as well for a consult that never rang, or was taken as a written case. */
export function heldNow(entries: readonly LogEntry[]): boolean {
  return last(entries, ["claimed", "taken", "claim_lost"])?.kind !== "claim_lost";
}

/** The claim that holds now, or null while it rings. */
export function claimNow(entries: readonly LogEntry[]): LogEntry | null {
  const entry = last(entries, ["claimed", "claim_lost"]);
  return entry?.kind === "claimed" ? entry : null;
}

/** The entry by which the consult is paused now, or null. */
export function pausedNow(entries: readonly LogEntry[]): LogEntry | null {
  const entry = last(entries, ["paused", "resumed", "handed_over", "claim_lost", "ended"]);
  return entry?.kind === "paused" ? entry : null;
}
