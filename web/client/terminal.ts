// What a clinic's shared terminal says of itself to the fleet's page: its client, its camera, its microphone.

import type { Connection } from "./core/connection.ts";

type Working = "ready" | "not_allowed" | "denied" | "missing" | "unknown";
const INPUTS = { camera: "videoinput", microphone: "audioinput" } as const;
const STATES: Record<PermissionState, Working> = { granted: "ready", prompt: "not_allowed", denied: "denied" };

/** Tells it after each connect, and when a device comes, goes, or is allowed. Elsewhere than at a terminal: nothing. */
export function reportTerminal(connection: Connection): void {
  const root = document.documentElement;
  const version = root.dataset["version"];
  if (root.dataset["terminal"] === undefined || !version) return;
  let told = "";
  const tell = async () => {
    const report = { version, camera: await stands("camera"), microphone: await stands("microphone") };
    const text = JSON.stringify(report);
    if (text === told) return;
    told = text;
    await connection.call("report_terminal", report).catch(() => (told = ""));
  };
  connection.onConnect(() => {
    told = "";
    void tell();
  });
  navigator.mediaDevices?.addEventListener("devicechange", () => void tell());
  for (const name of Object.keys(INPUTS)) {
    void permission(name).then((found) => found?.addEventListener("change", () => void tell()));
  }
}

async function stands(name: keyof typeof INPUTS): Promise<Working> {
  const devices = await navigator.mediaDevices?.enumerateDevices().catch(() => undefined);
  if (devices === undefined) return "unknown";
  if (!devices.some((device) => device.kind === INPUTS[name])) return "missing";
  const found = await permission(name);
  return found === null ? "unknown" : STATES[found.state];
}

/** Null where the browser does not tell. */
async function permission(name: string): Promise<PermissionStatus | null> {
  return (await navigator.permissions?.query({ name: name as PermissionName }).catch(() => null)) ?? null;
}
