// Seeing and hearing oneself before anybody else does: the preview page, and the page on which one waits.

import { VideoTile } from "./elements/video_tile.ts";
import { audioOnlyRemembered, capture, devices, release, remember, rememberAudioOnly, remembered } from "./media/devices.ts";
import { meter } from "./media/level.ts";
import { say } from "./words.ts";

const KINDS = { camera: "videoinput", microphone: "audioinput" } as const;
type Device = keyof typeof KINDS;

/** Drives `#preview`, `#camera`, `#microphone`, `#level` and `#preview-problem` of this page. */
export function startPreview(): void {
  const picture = document.querySelector("#preview") as VideoTile;
  const level = document.querySelector("#level") as HTMLMeterElement;
  const problem = document.querySelector("#preview-problem") as HTMLElement;
  let stream: MediaStream | null = null;
  let stopMeter: (() => void) | null = null;

  async function fill(name: Device): Promise<void> {
    const select = document.querySelector(`#${name}`) as HTMLSelectElement;
    const found = await devices(KINDS[name]);
    const track = stream?.getTracks().find((one) => (one.kind === "video") === (name === "camera"));
    const chosen = track?.getSettings().deviceId ?? remembered()[name];
    select.replaceChildren(...found.map((device) => new Option(device.label, device.deviceId, false, device.deviceId === chosen)));
  }

  async function open(): Promise<void> {
    stopMeter?.();
    stopMeter = null;
    release(stream);
    stream = null;
    try {
      stream = await capture();
    } catch (error) {
      problem.textContent = say(error instanceof DOMException && error.name === "NotAllowedError" ? "camera_denied" : "camera_missing");
      problem.hidden = false;
      picture.cover("camera_off");
      return;
    }
    problem.hidden = true;
    picture.own(stream);
    picture.cover(stream.getVideoTracks().length ? null : audioOnlyRemembered() ? "audio_only_me" : "camera_off");
    if (stream.getAudioTracks().length) stopMeter = meter(stream, (value) => (level.value = value));
    await Promise.all([fill("camera"), fill("microphone")]);
  }

  for (const name of Object.keys(KINDS) as Device[]) {
    document.querySelector(`#${name}`)?.addEventListener("change", (event) => {
      remember({ [name]: (event.target as HTMLSelectElement).value });
      void open();
    });
  }
  const audioOnly = document.querySelector<HTMLInputElement>("#audio-only");
  if (audioOnly) {
    audioOnly.checked = audioOnlyRemembered();
    audioOnly.addEventListener("change", () => {
      rememberAudioOnly(audioOnly.checked);
      void open();
    });
  }
  picture.name(say("me"), "");
  void open();
}
