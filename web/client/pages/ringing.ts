// One's own ringing: tries sound and vibration, says what is allowed here, and lets this browser be rung when closed.

import { RingTone } from "../elements/ring_tone.ts";
import { say } from "../words.ts";

const TONE_MS = 4_500;
const page = document.querySelector<HTMLElement>("#ringing");
const key = page?.dataset["key"] ?? "";
const csrf = document.querySelector<HTMLMetaElement>("meta[name=csrf]")?.content ?? "";

function tell(name: string, state: "good" | "bad" | "open", text: string): void {
  const place = document.querySelector<HTMLElement>(`[data-check="${name}"]`);
  if (!place) return;
  place.dataset["state"] = state;
  place.textContent = text;
}

function bytes(text: string): Uint8Array<ArrayBuffer> {
  const raw = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(raw, (character) => character.charCodeAt(0));
}

async function look(): Promise<void> {
  tell("vibration", "vibrate" in navigator ? "good" : "open", say("vibrate" in navigator ? "ring_vibrates" : "ring_no_vibration"));
  if (!("Notification" in window) || !("serviceWorker" in navigator) || !("PushManager" in window)) {
    tell("permission", "bad", say("ring_no_push"));
    return;
  }
  const permission = Notification.permission;
  tell("permission", permission === "granted" ? "good" : permission === "denied" ? "bad" : "open", say(`ring_permission_${permission}`));
  const registration = await navigator.serviceWorker.getRegistration("/");
  const subscribed = (await registration?.pushManager.getSubscription()) ?? null;
  tell("push", subscribed ? "good" : "open", say(subscribed ? "ring_push_on" : "ring_push_off"));
}

async function subscribe(): Promise<void> {
  if ((await Notification.requestPermission()) !== "granted") return look();
  const registration = await navigator.serviceWorker.register("/service-worker.js", { scope: "/" });
  await navigator.serviceWorker.ready;
  const subscription = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(key) });
  const answer = await fetch("/ringing/devices", {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
    body: JSON.stringify({ ...subscription.toJSON(), name: document.querySelector<HTMLInputElement>("#device-name")?.value ?? "" }),
  });
  if (answer.ok) location.reload();
  else {
    await subscription.unsubscribe();
    const told = (await answer.json()) as { detail?: string; title?: string };
    tell("push", "bad", told.detail ?? told.title ?? String(answer.status));
  }
}

document.querySelector("#try-ring")?.addEventListener("click", () => {
  const tone = new RingTone();
  tone.start();
  setTimeout(() => tone.stop(), TONE_MS);
  const context = new AudioContext();
  void context.resume().then(() => {
    tell("sound", context.state === "running" ? "good" : "bad", say(context.state === "running" ? "ring_sounds" : "ring_no_sound"));
    return context.close();
  });
});
document.querySelector("#be-rung")?.addEventListener("click", () => {
  subscribe().catch((error: unknown) => tell("push", "bad", `${say("ring_push_failed")} ${error instanceof Error ? error.message : ""}`));
});
void look();
