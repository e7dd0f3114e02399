// What a measuring device said, in the units of the quick form. Every decoder of this folder gives one of these.

import type { LocalTime } from "./numbers.ts";

/** The form's fields that a device can fill. */
export type Field = "systolic" | "diastolic" | "pulse" | "oxygen" | "temperature" | "weight";

/** Why a value should be looked at twice, or not be taken at all. */
export type Doubt =
  | "ongoing" // the device still measures
  | "questionable" // the device itself doubts it
  | "invalid" // the device calls it invalid, or a demonstration, or a test
  | "stored" // an old value from the device's memory
  | "movement"
  | "cuff_loose"
  | "irregular_pulse"
  | "position";

export interface Reading {
  values: Partial<Record<Field, number>>;
  /** By the device's own clock, which may be wrong; null when it told none. */
  takenAt: LocalTime | null;
  doubts: Doubt[];
  /** The value as it came, where it had to be converted, such as `16.0 kPa`. */
  converted: string[];
}

/** Whether the reading may go into the form at all. */
export function usable(reading: Reading): boolean {
  return !reading.doubts.includes("invalid") && Object.keys(reading.values).length > 0;
}
