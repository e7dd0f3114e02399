// What a chart of values over time is drawn from.

import assert from "node:assert/strict";
import { test } from "node:test";
import { bands, columns, extent, lastDays, type Line, moved, whole, zoomed } from "../../web/client/core/trend.ts";

const DAY = 86_400;
const upper: Line = { name: "upper", points: [[0, 140, 90, 139], [2 * DAY, 150, 90, 139], [4 * DAY, 178, 90, 145]] };
const lower: Line = { name: "lower", points: [[0, 80, 60, 89], [4 * DAY, 96, null, null]] };

test("lines share one column of times and leave gaps", () => {
  assert.deepEqual(columns([upper, lower]), [[0, 2 * DAY, 4 * DAY], [140, 150, 178], [80, null, 96]]);
});

test("each value keeps its own range, half way to its neighbours", () => {
  assert.deepEqual(bands(upper), [
    { from: -Infinity, to: 3 * DAY, low: 90, high: 139 },
    { from: 3 * DAY, to: Infinity, low: 90, high: 145 },
  ]);
  assert.deepEqual(bands(lower), [{ from: -Infinity, to: 2 * DAY, low: 60, high: 89 }]);
  assert.deepEqual(bands({ name: "open", points: [[0, 1, null, 5]] }), [{ from: -Infinity, to: Infinity, low: null, high: 5 }]);
});

test("the axis holds what is shown and its bounds, and never one point alone on a line of no height", () => {
  const shown = extent([upper], { min: 3 * DAY, max: 5 * DAY });
  assert.ok(shown.min < 90 && shown.min > 80);
  assert.ok(shown.max > 178 && shown.max < 190);
  const flat = extent([{ name: "one", points: [[0, 7, null, null]] }], { min: -1, max: 1 });
  assert.ok(flat.min < 7 && flat.max > 7);
  assert.deepEqual(extent([upper], { min: 9 * DAY, max: 10 * DAY }), { min: 0, max: 1 });
});

test("zooming and moving stay within all of it", () => {
  const moments = [0, 400 * DAY];
  const all = whole(moments);
  assert.ok(all.min < 0 && all.max > 400 * DAY);
  const month = lastDays(moments, 31);
  assert.equal(month.min, 369 * DAY);
  assert.equal(month.max, all.max);
  assert.deepEqual(lastDays(moments, 0), all);
  const near = zoomed(all, 0.5, all);
  assert.ok(Math.abs((near.max - near.min) * 2 - (all.max - all.min)) < 1);
  assert.deepEqual(zoomed(near, 100, all), all);
  const left = moved(near, -5, all);
  assert.equal(left.min, all.min);
  assert.ok(Math.abs(left.max - left.min - (near.max - near.min)) < 1);
  const narrow = zoomed(near, 0, all);
  assert.ok(narrow.max - narrow.min > 0);
});
