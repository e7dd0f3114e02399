// Before a booked room: choose camera and microphone, see oneself, see one's own loudness.

import { startAlerts } from "../alerts.ts";
import { Connection } from "../core/connection.ts";
import { capture, devices, release, remember, remembered } from "../media/devices.ts";
import { meter } from "../media/level.ts";
import { VideoTile } from "../elements/video_tile.ts";
import { say } from "../words.ts";

const connection = new Connection(say("offline"));
startAlerts(connection);

const picture = document.querySelector("#preview") as VideoTile;
const level = document.querySelector("#level") as HTMLMeterElement;
const problem = document.querySelector("#preview-problem") as HTMLElement;
let stream: MediaStream | null = null;
let stopMeter: (() => void) | null = null;

async function open(): Promise<void> {
  stopMeter?.();
  release(stream);
  try {
    stream = await capture();
    problem.hidden = true;
  } catch (error) {
    problem.textContent = say(error instanceof DOMException && error.name === "NotAllowedError" ? "camera_denied" : "camera_missing");
    problem.hidden = false;
    return;
  }
  picture.own(stream);
  picture.cover(stream.getVideoTracks().length ? null : "camera_off");
  if (stream.getAudioTracks().length) stopMeter = meter(stream, (value) => (level.value = value));
  await fill("camera", "videoinput");
  await fill("microphone", "audioinput");
}

async function fill(name: "camera" | "microphone", kind: "videoinput" | "audioinput"): Promise<void> {
  const select = document.querySelector(`#${name}`) as HTMLSelectElement;
  const chosen = remembered()[name];
  const found = await devices(kind);
  const current = stream?.getTracks().find((track) => (track.kind === "video") === (kind === "videoinput"))?.getSettings().deviceId;
  select.replaceChildren(...found.map((device) => new Option(device.label, device.deviceId, false, device.deviceId === (chosen ?? current))));
}

for (const name of ["camera", "microphone"] as const) {
  document.querySelector(`#${name}`)?.addEventListener("change", (event) => {
    remember({ [name]: (event.target as HTMLSelectElement).value });
    void open();
  });
}
picture.name(say("me"), "");
void open();

// The room opens by itself while one waits here.
connection.on("consult", (hint) => {
  if (location.pathname.includes(hint.consult_id)) location.reload();
});
