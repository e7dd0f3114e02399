// Health Thermometer Profile, characteristic Temperature Measurement 0x2A1C (GATT Specification Supplement).

import { Bytes, number, rounded } from "./numbers.ts";
import type { Reading } from "./readings.ts";

export const SERVICE = 0x1809;
export const MEASUREMENT = 0x2a1c;

const FAHRENHEIT = 0x01;
const TIME = 0x02;
const TYPE = 0x04;

export function temperature(view: DataView): Reading {
  const bytes = new Bytes(view);
  const flags = bytes.uint8();
  const reading: Reading = { values: {}, takenAt: null, doubts: [], converted: [] };
  const told = number(bytes.float());
  if (told !== null) {
    const celsius = flags & FAHRENHEIT ? ((told - 32) * 5) / 9 : told;
    reading.values.temperature = rounded(celsius, 1);
    if (flags & FAHRENHEIT) reading.converted.push(`${told} °F`);
  }
  if (flags & TIME) reading.takenAt = bytes.dateTime();
  if (flags & TYPE) bytes.uint8(); // where it was taken: armpit, ear, …
  return reading;
}
