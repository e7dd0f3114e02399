// Health devices' bytes as the profiles' specifications lay them out, and what is read of them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { bloodPressure } from "../../web/client/core/gatt/blood_pressure.ts";
import { Bytes, number, rounded, type Value } from "../../web/client/core/gatt/numbers.ts";
import { continuous, spotCheck } from "../../web/client/core/gatt/pulse_oximeter.ts";
import { usable } from "../../web/client/core/gatt/readings.ts";
import { temperature } from "../../web/client/core/gatt/thermometer.ts";
import { weight } from "../../web/client/core/gatt/weight_scale.ts";

function bytes(text: string): DataView {
  const values = text.trim().split(/\s+/).map((pair) => parseInt(pair, 16));
  // Not at the start of its buffer, as a browser may give it.
  const whole = new Uint8Array([0xee, ...values, 0xee]);
  return new DataView(whole.buffer, 1, values.length);
}

const sfloat = (text: string): Value => new Bytes(bytes(text)).sfloat();
const float = (text: string): Value => new Bytes(bytes(text)).float();
const TIME = "ea 07 0b 17 0e 02 1e"; // 2026-11-23 14:02:30
const AT = { year: 2026, month: 11, day: 23, hours: 14, minutes: 2, seconds: 30 };

test("SFLOAT: mantissa and exponent in two's complement", () => {
  for (const [text, value] of [
    ["72 00", 114], // the white paper's own example
    ["f6 ff", -1], // -10 × 10^-1
    ["6c f1", 36.4], // 364 × 10^-1
    ["0a 10", 100], // 10 × 10^1
    ["01 80", 1e-8],
    ["fd 77", 20450000000], // 2045 × 10^7, the largest
    ["00 00", 0],
    ["fe 17", 20460], // a special mantissa counts as such with the exponent 0 alone
  ] as const) assert.equal(number(sfloat(text)), value, text);
});

test("SFLOAT: what is no number", () => {
  for (const [text, kind] of [
    ["ff 07", "nan"],
    ["00 08", "not_at_this_resolution"],
    ["fe 07", "above"],
    ["02 08", "below"],
    ["01 08", "reserved"],
  ] as const) {
    assert.equal(sfloat(text).kind, kind, text);
    assert.equal(number(sfloat(text)), null, text);
  }
});

test("FLOAT: mantissa and exponent in two's complement", () => {
  for (const [text, value] of [
    ["6c 01 00 ff", 36.4], // the white paper's own example: 364 × 10^-1
    ["5b 0e 00 fe", 36.75],
    ["ff ff ff 00", -1],
    ["08 00 00 02", 800],
  ] as const) assert.equal(number(float(text)), value, text);
  for (const [text, kind] of [
    ["ff ff 7f 00", "nan"],
    ["00 00 80 00", "not_at_this_resolution"],
    ["fe ff 7f 00", "above"],
    ["02 00 80 00", "below"],
    ["01 00 80 00", "reserved"],
  ] as const) assert.equal(float(text).kind, kind, text);
});

test("decimals are rounded half up, without binary noise", () => {
  assert.equal(rounded(36.85, 1), 36.9);
  assert.equal(rounded(1.005, 2), 1.01);
  assert.equal(rounded(53.07030729, 2), 53.07);
});

test("a blood pressure in mmHg with everything that may come with it", () => {
  // flags: time, pulse, user, status; 178/96, mean 123; pulse 92; user 1; movement, irregular pulse
  const found = bloodPressure(bytes(`1e b2 00 60 00 7b 00 ${TIME} 5c 00 01 05 00`));
  assert.deepEqual(found, {
    values: { systolic: 178, diastolic: 96, pulse: 92 },
    takenAt: AT,
    doubts: ["movement", "irregular_pulse"],
    converted: [],
  });
  assert.ok(usable(found));
});

test("a blood pressure alone, and one in kPa", () => {
  assert.deepEqual(bloodPressure(bytes("00 78 00 50 00 5d 00")).values, { systolic: 120, diastolic: 80 });
  const found = bloodPressure(bytes("01 a0 f0 6a f0 7c f0")); // 16.0/10.6 kPa
  assert.deepEqual(found.values, { systolic: 120, diastolic: 80 });
  assert.deepEqual(found.converted, ["16/10.6 kPa"]);
});

test("a cuff that gave up, half a pressure, and a pulse that is not known", () => {
  for (const text of ["00 ff 07 ff 07 ff 07", "00 78 00 ff 07 5d 00", "00 00 08 50 00 5d 00"]) {
    const found = bloodPressure(bytes(text));
    assert.deepEqual(found.values, {}, text);
    assert.equal(usable(found), false);
  }
  assert.deepEqual(bloodPressure(bytes("04 78 00 50 00 5d 00 ff 07")).values, { systolic: 120, diastolic: 80 });
});

test("a cuff that was loose or wrongly held", () => {
  assert.deepEqual(bloodPressure(bytes("10 78 00 50 00 5d 00 22 00")).doubts, ["cuff_loose", "position"]);
});

test("a spot check of a pulse oximeter, bare and whole", () => {
  assert.deepEqual(spotCheck(bytes("00 5f 00 5c 00")).values, { oxygen: 95, pulse: 92 });
  // time, status (fully qualified), device and sensor status (none), amplitude index 3.2
  const found = spotCheck(bytes(`0f 5f 00 5c 00 ${TIME} 00 01 00 00 00 20 f0`));
  assert.deepEqual(found, { values: { oxygen: 95, pulse: 92 }, takenAt: AT, doubts: [], converted: [] });
});

test("a clock that was never set tells no time", () => {
  assert.equal(spotCheck(bytes("01 5f 00 5c 00 00 00 00 00 00 00 00")).takenAt, null);
  assert.equal(spotCheck(bytes(`11 5f 00 5c 00 ${TIME}`)).takenAt, null);
});

test("what an oximeter itself doubts is said, and what it calls invalid is not taken", () => {
  assert.deepEqual(spotCheck(bytes("02 5f 00 5c 00 00 02")).doubts, ["stored"]);
  assert.deepEqual(spotCheck(bytes("02 5f 00 5c 00 40 40")).doubts, ["questionable"]);
  for (const status of ["00 04", "00 08", "00 20", "00 80"]) {
    const found = spotCheck(bytes(`02 5f 00 5c 00 ${status}`));
    assert.deepEqual(found.doubts, ["invalid"], status);
    assert.equal(usable(found), false);
  }
  assert.deepEqual(spotCheck(bytes("04 5f 00 5c 00 20 00 00")).doubts, ["questionable"]); // low perfusion
  assert.deepEqual(spotCheck(bytes("04 5f 00 5c 00 01 00 00")).doubts, []); // its display is being updated
  for (const status of ["00 08 00", "00 20 00", "00 80 00", "02 00 00"]) {
    assert.deepEqual(spotCheck(bytes(`04 5f 00 5c 00 ${status}`)).doubts, ["invalid"], status); // off the finger, and so on
  }
  assert.deepEqual(spotCheck(bytes("00 ff 07 5c 00")).values, { pulse: 92 });
});

test("a continuous measurement takes the normal pair and skips fast and slow", () => {
  const found = continuous(bytes("1f 5f 00 5c 00 40 00 41 00 62 00 63 00 20 00 00 00 00 20 f0"));
  assert.deepEqual(found, { values: { oxygen: 95, pulse: 92 }, takenAt: null, doubts: [], converted: [] });
  assert.deepEqual(continuous(bytes("08 ff 07 ff 07 00 20 00")).doubts, ["invalid"]);
});

test("a temperature in °C and in °F", () => {
  assert.deepEqual(temperature(bytes("00 70 01 00 ff")).values, { temperature: 36.8 });
  const found = temperature(bytes(`07 da 03 00 ff ${TIME} 02`)); // 98.6 °F, in the ear
  assert.deepEqual(found, { values: { temperature: 37 }, takenAt: AT, doubts: [], converted: ["98.6 °F"] });
  assert.equal(usable(temperature(bytes("00 ff ff 7f 00"))), false);
});

test("a weight in kg and in lb", () => {
  assert.deepEqual(weight(bytes("00 62 2a")).values, { weight: 54.25 }); // 10850 × 0.005 kg
  const found = weight(bytes(`0f b4 2d ${TIME} 01 f0 00 ee 02`)); // 117.00 lb, body mass index, height
  assert.deepEqual(found, { values: { weight: 53.07 }, takenAt: AT, doubts: [], converted: ["117 lb"] });
  assert.equal(usable(weight(bytes("00 ff ff"))), false);
});

test("a value that is shorter than its flags say is refused, never guessed", () => {
  for (const [read, text] of [
    [bloodPressure, "02 78 00 50 00 5d 00 ea 07"],
    [bloodPressure, "00 78"],
    [spotCheck, "08 5f 00 5c 00"],
    [continuous, "01 5f 00 5c 00"],
    [temperature, "00 70 01"],
    [weight, "08 62 2a f0 00"],
    [weight, ""],
  ] as const) assert.throws(() => read(text ? bytes(text) : new DataView(new ArrayBuffer(0))), RangeError, text);
});
