// The number and time formats of Bluetooth's health profiles (Personal Health Devices Transcoding White Paper, 2.2.1 and
// 2.2.2: IEEE 11073-20601 SFLOAT and FLOAT; GATT Specification Supplement: Date Time). All little-endian.

/** A reader that goes through the bytes of one characteristic value once, front to back. */
export class Bytes {
  readonly #view: DataView;
  #at = 0;

  constructor(view: DataView) {
    this.#view = view;
  }

  #next(size: number): number {
    const at = this.#at;
    if (at + size > this.#view.byteLength) throw new RangeError("the value is shorter than its flags say");
    this.#at += size;
    return at;
  }

  uint8(): number {
    return this.#view.getUint8(this.#next(1));
  }

  uint16(): number {
    return this.#view.getUint16(this.#next(2), true);
  }

  uint24(): number {
    const at = this.#next(3);
    return this.#view.getUint16(at, true) | (this.#view.getUint8(at + 2) << 16);
  }

  /** 16 bits: exponent of ten in the upper four, mantissa in the lower twelve, both in two's complement. */
  sfloat(): Value {
    const raw = this.uint16();
    const mantissa = ((raw & 0x0fff) << 20) >> 20;
    const exponent = ((raw >> 12) << 28) >> 28;
    return special(mantissa, exponent, 0x07fe) ?? { kind: "number", value: decimal(mantissa, exponent) };
  }

  /** 32 bits: exponent of ten in the upper eight, mantissa in the lower twenty-four, both in two's complement. */
  float(): Value {
    const low = this.uint24();
    const mantissa = (low << 8) >> 8;
    const exponent = (this.uint8() << 24) >> 24;
    return special(mantissa, exponent, 0x7ffffe) ?? { kind: "number", value: decimal(mantissa, exponent) };
  }

  /** Seven bytes by the device's own clock and zone; null when it does not know year, month or day (0). */
  dateTime(): LocalTime | null {
    const [year, month, day] = [this.uint16(), this.uint8(), this.uint8()];
    const [hours, minutes, seconds] = [this.uint8(), this.uint8(), this.uint8()];
    if (year === 0 || month === 0 || day === 0) return null;
    return { year, month, day, hours, minutes, seconds };
  }
}

/** A number, or one of the reserved values that say why there is none. */
export type Value = { kind: "number"; value: number } | { kind: "nan" | "not_at_this_resolution" | "above" | "below" | "reserved" };

export interface LocalTime {
  year: number;
  month: number;
  day: number;
  hours: number;
  minutes: number;
  seconds: number;
}

/** The number, or null when the device had none to give. */
export function number(value: Value): number | null {
  return value.kind === "number" ? value.value : null;
}

/** `highest` is the mantissa of +INFINITY; the others lie beside it, all with the exponent 0. */
function special(mantissa: number, exponent: number, highest: number): Value | null {
  if (exponent !== 0) return null;
  switch (mantissa) {
    case highest + 1:
      return { kind: "nan" };
    case highest:
      return { kind: "above" };
    case -highest:
      return { kind: "below" };
    case -highest - 1:
      return { kind: "reserved" };
    case -highest - 2:
      return { kind: "not_at_this_resolution" };
    default:
      return null;
  }
}

/** Exact where a binary number can be: `368e-1` is read as the text 36.8 would be. */
function decimal(mantissa: number, exponent: number): number {
  return Number(`${mantissa}e${exponent}`);
}

/** Rounded half up to so many decimals, without the noise of binary fractions. */
export function rounded(value: number, decimals: number): number {
  return Number(`${Math.round(Number(`${value}e${decimals}`))}e-${decimals}`);
}
