// Pulse Oximeter Profile: PLX Spot-Check Measurement 0x2A5E and PLX Continuous Measurement 0x2A5F
// (GATT Specification Supplement).

import { Bytes, number, rounded } from "./numbers.ts";
import type { Doubt, Reading } from "./readings.ts";

export const SERVICE = 0x1822;
export const SPOT_CHECK = 0x2a5e;
export const CONTINUOUS = 0x2a5f;

const SPOT = { TIME: 0x01, STATUS: 0x02, SENSOR: 0x04, AMPLITUDE: 0x08, NO_CLOCK: 0x10 };
const LIVE = { FAST: 0x01, SLOW: 0x02, STATUS: 0x04, SENSOR: 0x08, AMPLITUDE: 0x10 };
/** Measurement Status, the same bits in both characteristics. */
const MEASUREMENT: readonly (readonly [number, Doubt])[] = [
  [0x0020, "ongoing"],
  [0x0040, "questionable"], // early estimated data
  [0x0200, "stored"],
  [0x0400, "invalid"], // data for demonstration
  [0x0800, "invalid"], // data for testing
  [0x1000, "questionable"], // calibration goes on
  [0x2000, "invalid"], // measurement unavailable
  [0x4000, "questionable"],
  [0x8000, "invalid"],
];
/** Device and Sensor Status (Pulse Oximeter Service 1.0.1, table 3.5). */
const SENSOR: readonly (readonly [number, Doubt])[] = [
  [0x000002, "invalid"], // equipment malfunction
  [0x00001c, "questionable"], // irregular signal processing, inadequate signal, poor signal
  [0x000020, "questionable"], // low perfusion
  [0x0001c0, "questionable"], // erratic signal, no pulse in it, questionable pulse
  [0x000600, "questionable"], // signal analysis goes on, sensor interference
  [0x00f800, "invalid"], // sensor off the person, unknown, displaced, malfunctioning, disconnected
];

/** One finished measurement. */
export function spotCheck(view: DataView): Reading {
  const bytes = new Bytes(view);
  const flags = bytes.uint8();
  const reading = pair(bytes);
  const told = flags & SPOT.TIME ? bytes.dateTime() : null;
  if (!(flags & SPOT.NO_CLOCK)) reading.takenAt = told; // a clock that was never set tells no time
  if (flags & SPOT.STATUS) note(reading, bytes.uint16(), MEASUREMENT);
  if (flags & SPOT.SENSOR) note(reading, bytes.uint24(), SENSOR);
  if (flags & SPOT.AMPLITUDE) bytes.sfloat();
  return reading;
}

/** What it measures now, about once a second; the normal averaging, not the fast or slow one. */
export function continuous(view: DataView): Reading {
  const bytes = new Bytes(view);
  const flags = bytes.uint8();
  const reading = pair(bytes);
  for (const more of [LIVE.FAST, LIVE.SLOW]) if (flags & more) pair(bytes);
  if (flags & LIVE.STATUS) note(reading, bytes.uint16(), MEASUREMENT);
  if (flags & LIVE.SENSOR) note(reading, bytes.uint24(), SENSOR);
  if (flags & LIVE.AMPLITUDE) bytes.sfloat();
  // That it goes on is what a continuous measurement does.
  reading.doubts = reading.doubts.filter((doubt) => doubt !== "ongoing");
  return reading;
}

function pair(bytes: Bytes): Reading {
  const [oxygen, pulse] = [number(bytes.sfloat()), number(bytes.sfloat())];
  const reading: Reading = { values: {}, takenAt: null, doubts: [], converted: [] };
  if (oxygen !== null) reading.values.oxygen = rounded(oxygen, 0);
  if (pulse !== null) reading.values.pulse = rounded(pulse, 0);
  return reading;
}

function note(reading: Reading, status: number, meanings: readonly (readonly [number, Doubt])[]): void {
  for (const [bit, doubt] of meanings) {
    if ((status & bit) !== 0 && !reading.doubts.includes(doubt)) reading.doubts.push(doubt);
  }
}
