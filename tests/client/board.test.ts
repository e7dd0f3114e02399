// The board's order, its clocks, and where slots stand in their lanes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { compare, leftOf, placeIn, placeOf, quarterOf, spoken, standing, usedOf } from "../../web/client/core/board.ts";
import type { BoardRow, LaneSlot } from "../../web/client/core/protocol.ts";

const at = (minutes: number): string => new Date(Date.parse("2026-11-23T07:00:00Z") + minutes * 60_000).toISOString();
const now = Date.parse(at(0));

function row(consult_id: string, more: Partial<BoardRow> = {}): BoardRow {
  return { consult_id, number: 1, urgency: "routine", created_at: at(-10), due_at: at(10), ...more } as BoardRow;
}

function slot(from: number, to: number, more: Partial<LaneSlot> = {}): LaneSlot {
  return { slot_id: "s", starts_at: at(from), ends_at: at(to), booked: false, state: null, displaced: false, ...more } as LaneSlot;
}

test("the most urgent stands first, then the nearest to breach, then the oldest", () => {
  const rows = [row("d", { due_at: null }), row("c"), row("b", { due_at: at(5) }), row("a", { urgency: "emergency", due_at: at(60) })];
  assert.deepEqual(rows.sort(compare).map((one) => one.consult_id), ["a", "b", "c", "d"]);
  assert.equal(placeIn(rows, row("b2", { due_at: at(7) })), 2);
  assert.equal(placeIn([], row("x")), 0);
  assert.equal(compare(row("x", { due_at: null, created_at: at(-20) }), row("a", { due_at: null })) < 0, true);
});

test("time runs out and is then told as late", () => {
  assert.equal(leftOf(row("a", { due_at: at(2) }), now), 120);
  assert.equal(leftOf(row("a", { due_at: at(-1) }), now), -60);
  assert.equal(leftOf(row("a", { due_at: null }), now), null);
  assert.equal(usedOf(row("a"), now), 50);
  assert.equal(usedOf(row("a", { due_at: at(-5) }), now), 100);
  assert.deepEqual([108, -40, 7_500].map(spoken), ["01:48", "00:40", "2:05 h"]);
});

test("a slot says what became of it", () => {
  const states: [Partial<LaneSlot>, number, number, string][] = [
    [{}, 10, 40, "free"],
    [{}, -40, -10, "gone"],
    [{ booked: true }, 10, 40, "taken"],
    [{ booked: true, state: "scheduled" }, 10, 40, "booked"],
    [{ booked: true, state: "scheduled" }, -10, 20, "late"],
    [{ booked: true, state: "scheduled", displaced: true }, 10, 40, "displaced"],
    [{ booked: true, state: "claimed" }, -10, 20, "live"],
    [{ booked: true, state: "claimed" }, -40, -10, "overrun"],
    [{ booked: true, state: "closed" }, -40, -10, "done"],
  ];
  for (const [more, from, to, expected] of states) assert.equal(standing(slot(from, to, more), now), expected);
});

test("a slot stands in its quarters, cut at the end of its part of the day", () => {
  const midnight = now - 7 * 3_600_000;
  assert.deepEqual(placeOf(slot(0, 30), midnight, 1), { from: 5, span: 2 });
  assert.deepEqual(placeOf(slot(0, 20), midnight, 1), { from: 5, span: 2 });
  assert.equal(placeOf(slot(0, 30), midnight, 2), null);
  assert.deepEqual(placeOf(slot(285, 315), midnight, 1), { from: 24, span: 1 });
  assert.deepEqual(placeOf(slot(285, 315), midnight, 2), { from: 1, span: 1 });
  assert.equal(quarterOf(now, midnight, 1), 5);
  assert.equal(quarterOf(now, midnight, 0), null);
});
