// Blood Pressure Profile, characteristic Blood Pressure Measurement 0x2A35 (GATT Specification Supplement).

import { Bytes, number, rounded, type Value } from "./numbers.ts";
import type { Doubt, Reading } from "./readings.ts";

export const SERVICE = 0x1810;
export const MEASUREMENT = 0x2a35;

const KPA = 0x01;
const TIME = 0x02;
const PULSE = 0x04;
const USER = 0x08;
const STATUS = 0x10;
/** One millimetre of mercury is 0.133322387415 kPa (BIPM, conventional). */
const KPA_OF_MMHG = 0.133322387415;
const DOUBTS: readonly (readonly [number, Doubt])[] = [
  [0x0001, "movement"],
  [0x0002, "cuff_loose"],
  [0x0004, "irregular_pulse"],
  [0x0020, "position"],
];

export function bloodPressure(view: DataView): Reading {
  const bytes = new Bytes(view);
  const flags = bytes.uint8();
  const reading: Reading = { values: {}, takenAt: null, doubts: [], converted: [] };
  const [systolic, diastolic] = [bytes.sfloat(), bytes.sfloat()];
  bytes.sfloat(); // mean arterial pressure: the form has no field for it
  const inKpa = (flags & KPA) !== 0;
  const told = [number(systolic), number(diastolic)];
  const [upper, lower] = told.map((value) => (value === null ? null : Math.round(inKpa ? value / KPA_OF_MMHG : value)));
  // Half a blood pressure is none: a cuff that gave up tells NaN for both.
  if (upper !== null && upper !== undefined && lower !== null && lower !== undefined) {
    reading.values.systolic = upper;
    reading.values.diastolic = lower;
    if (inKpa) reading.converted.push(`${told.join("/")} kPa`);
  }
  if (flags & TIME) reading.takenAt = bytes.dateTime();
  if (flags & PULSE) take(reading, bytes.sfloat());
  if (flags & USER) bytes.uint8();
  if (flags & STATUS) {
    const status = bytes.uint16();
    for (const [bit, doubt] of DOUBTS) if (status & bit) reading.doubts.push(doubt);
  }
  return reading;
}

function take(reading: Reading, value: Value): void {
  const pulse = number(value);
  if (pulse !== null) reading.values.pulse = rounded(pulse, 0);
}
