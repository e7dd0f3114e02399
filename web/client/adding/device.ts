// Reads one measuring device by Web Bluetooth, where the browser has it. The browser asks which device; a person saves.

import * as cuff from "../core/gatt/blood_pressure.ts";
import * as oximeter from "../core/gatt/pulse_oximeter.ts";
import type { Reading } from "../core/gatt/readings.ts";
import * as thermometer from "../core/gatt/thermometer.ts";
import * as scale from "../core/gatt/weight_scale.ts";

// What is used of the Web Bluetooth draft, which TypeScript's library does not know.
interface Characteristic extends EventTarget {
  readonly value: DataView | null;
  startNotifications(): Promise<Characteristic>;
}
interface Server {
  readonly connected: boolean;
  connect(): Promise<Server>;
  disconnect(): void;
  getPrimaryService(uuid: number): Promise<{ getCharacteristic(uuid: number): Promise<Characteristic> }>;
}
interface Device extends EventTarget {
  readonly name?: string;
  readonly gatt?: Server;
}
interface Bluetooth {
  requestDevice(options: { filters: { services: number[] }[] }): Promise<Device>;
}

const KNOWN: readonly (readonly [number, number, (view: DataView) => Reading])[] = [
  [oximeter.SERVICE, oximeter.SPOT_CHECK, oximeter.spotCheck],
  [oximeter.SERVICE, oximeter.CONTINUOUS, oximeter.continuous],
  [cuff.SERVICE, cuff.MEASUREMENT, cuff.bloodPressure],
  [thermometer.SERVICE, thermometer.MEASUREMENT, thermometer.temperature],
  [scale.SERVICE, scale.MEASUREMENT, scale.weight],
];
const SERVICES = [...new Set(KNOWN.map(([service]) => service))];

function bluetooth(): Bluetooth | undefined {
  return (navigator as { bluetooth?: Bluetooth }).bluetooth;
}

export function offered(): boolean {
  return bluetooth() !== undefined;
}

export interface Connected {
  name: string;
  close(): void;
}

/** Let the person choose a device and follow what it measures until it is closed. Raises what the browser raises. */
export async function read(found: (reading: Reading, name: string) => void, gone: () => void): Promise<Connected> {
  const device = await bluetooth()?.requestDevice({ filters: SERVICES.map((service) => ({ services: [service] })) });
  const server = await device?.gatt?.connect();
  if (device === undefined || server === undefined) throw new Error("no device");
  const name = device.name ?? "Bluetooth";
  device.addEventListener("gattserverdisconnected", gone, { once: true });
  let follows = 0;
  for (const [service, characteristic, decode] of KNOWN) {
    try {
      const source = await (await server.getPrimaryService(service)).getCharacteristic(characteristic);
      source.addEventListener("characteristicvaluechanged", () => {
        if (source.value === null) return;
        try {
          found(decode(source.value), name);
        } catch (error) {
          console.warn("a measurement could not be read", error); // half a value is no value; the next one comes
        }
      });
      await source.startNotifications();
      follows += 1;
    } catch {
      continue; // most devices have one of these services only
    }
  }
  const close = () => {
    if (server.connected) server.disconnect();
  };
  if (follows === 0) {
    close();
    throw new Error("none of the known services");
  }
  return { name, close };
}
