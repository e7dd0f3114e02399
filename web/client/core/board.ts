// The coordinators' board as values: the order of rows, how near each is to breach, where a slot stands in its lane.

import type { BoardRow, LaneSlot, Urgency } from "./protocol.ts";

const RANK: Record<Urgency, number> = { emergency: 0, urgent: 1, routine: 2 };
/** Hours that lanes show at once. */
export const PART_HOURS = 6;
const QUARTER_MS = 15 * 60_000;
const QUARTERS = PART_HOURS * 4;

const due = (row: BoardRow): number => (row.due_at === null ? Infinity : Date.parse(row.due_at));

/** Most urgent first, then nearest to breach, then oldest. */
export function compare(one: BoardRow, other: BoardRow): number {
  const soonest = due(one) - due(other);
  return (
    RANK[one.urgency] - RANK[other.urgency] ||
    (Number.isNaN(soonest) ? 0 : soonest) ||
    Date.parse(one.created_at) - Date.parse(other.created_at) ||
    (one.consult_id < other.consult_id ? -1 : one.consult_id > other.consult_id ? 1 : 0)
  );
}

/** Whole seconds to breach at the server's time `now`, below 0 once it has passed; null without one. */
export function leftOf(row: BoardRow, now: number): number | null {
  return row.due_at === null ? null : Math.ceil((Date.parse(row.due_at) - now) / 1000);
}

/** How much of the time to breach is used, 0 to 100. */
export function usedOf(row: BoardRow, now: number): number {
  if (row.due_at === null) return 0;
  const asked = Date.parse(row.created_at);
  const whole = Date.parse(row.due_at) - asked;
  return whole <= 0 ? 100 : Math.max(0, Math.min(100, Math.round(((now - asked) / whole) * 100)));
}

/** `01:48`, and from an hour on `2:05 h`. */
export function spoken(seconds: number): string {
  const whole = Math.abs(seconds);
  const two = (count: number): string => String(count).padStart(2, "0");
  if (whole < 3600) return `${two(Math.floor(whole / 60))}:${two(whole % 60)}`;
  return `${Math.floor(whole / 3600)}:${two(Math.floor((whole % 3600) / 60))} h`;
}

/** How a slot stands: what is booked may wait, run, run over, be late or be over. */
export function standing(slot: LaneSlot, now: number): "free" | "gone" | "taken" | "booked" | "late" | "displaced" | "live" | "overrun" | "done" {
  const [starts, ends] = [Date.parse(slot.starts_at), Date.parse(slot.ends_at)];
  if (!slot.booked) return ends <= now ? "gone" : "free";
  switch (slot.state) {
    case null:
      return "taken";
    case "scheduled":
      return slot.displaced ? "displaced" : now > starts ? "late" : "booked";
    case "claimed":
      return now > ends ? "overrun" : "live";
    default:
      return "done";
  }
}

/** Column and width of a slot in a part of the day (0 to 3), in quarters of an hour; null when it lies in another part. */
export function placeOf(slot: LaneSlot, dayStartsAt: number, part: number): { from: number; span: number } | null {
  const origin = part * QUARTERS;
  const from = Math.floor((Date.parse(slot.starts_at) - dayStartsAt) / QUARTER_MS) - origin;
  const to = Math.ceil((Date.parse(slot.ends_at) - dayStartsAt) / QUARTER_MS) - origin;
  if (to <= 0 || from >= QUARTERS) return null;
  const first = Math.max(0, from);
  return { from: first + 1, span: Math.min(QUARTERS, to) - first };
}

/** Where in a part of the day an instant stands, as its quarter; null outside. */
export function quarterOf(at: number, dayStartsAt: number, part: number): number | null {
  const quarter = Math.floor((at - dayStartsAt) / QUARTER_MS) - part * QUARTERS;
  return quarter < 0 || quarter >= QUARTERS ? null : quarter + 1;
}

/** The place at which a row belongs in rows that are in order. */
export function placeIn(rows: readonly BoardRow[], row: BoardRow): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compare(rows[middle] as BoardRow, row) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
