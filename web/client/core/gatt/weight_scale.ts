// Weight Scale Profile, characteristic Weight Measurement 0x2A9D (GATT Specification Supplement).

import { Bytes, rounded } from "./numbers.ts";
import type { Reading } from "./readings.ts";

export const SERVICE = 0x181d;
export const MEASUREMENT = 0x2a9d;

const IMPERIAL = 0x01;
const TIME = 0x02;
const USER = 0x04;
const HEIGHT = 0x08;
const UNSUCCESSFUL = 0xffff;
/** One avoirdupois pound (international, exact). */
const KG_OF_POUND = 0.45359237;

export function weight(view: DataView): Reading {
  const bytes = new Bytes(view);
  const flags = bytes.uint8();
  const reading: Reading = { values: {}, takenAt: null, doubts: [], converted: [] };
  const raw = bytes.uint16();
  if (raw !== UNSUCCESSFUL) {
    // A unit is 0.005 kg or 0.01 lb.
    const pounds = rounded(raw / 100, 2);
    reading.values.weight = rounded(flags & IMPERIAL ? pounds * KG_OF_POUND : raw / 200, 2);
    if (flags & IMPERIAL) reading.converted.push(`${pounds} lb`);
  }
  if (flags & TIME) reading.takenAt = bytes.dateTime();
  if (flags & USER) bytes.uint8();
  if (flags & HEIGHT) {
    bytes.uint16(); // body mass index
    bytes.uint16(); // height as it was typed into the scale
  }
  return reading;
}
