// Camera and microphone: the last used ones, remembered in this browser.

const REMEMBERED = "hoichan.devices";

export interface Choice {
  camera?: string;
  microphone?: string;
  audioOnly?: boolean;
}

export function remembered(): Choice {
  try {
    return JSON.parse(localStorage.getItem(REMEMBERED) ?? "{}") as Choice;
  } catch {
    return {};
  }
}

export function remember(choice: Choice): void {
  localStorage.setItem(REMEMBERED, JSON.stringify({ ...remembered(), ...choice }));
}

/** Whether this device was last used with sound only, as on a thin line. */
export function audioOnlyRemembered(): boolean {
  return remembered().audioOnly === true;
}

export function rememberAudioOnly(only: boolean): void {
  remember({ audioOnly: only });
}

/** A machine with two cores encodes a smaller picture steadily rather than a large one in jerks. */
function picture(): MediaTrackConstraints {
  const strong = navigator.hardwareConcurrency > 2;
  return { width: { ideal: strong ? 1280 : 640 }, height: { ideal: strong ? 720 : 360 }, frameRate: { ideal: 30, max: 30 } };
}

const SOUND: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

function wanted(choice: Choice): { audio: MediaTrackConstraints; video: MediaTrackConstraints } {
  return {
    audio: choice.microphone ? { ...SOUND, deviceId: { ideal: choice.microphone } } : SOUND,
    video: choice.camera ? { ...picture(), deviceId: { ideal: choice.camera } } : picture(),
  };
}

/** Sound and picture, or what there is of them: a missing camera does not keep anybody from talking. */
export async function capture(choice: Choice = remembered()): Promise<MediaStream> {
  const { audio, video } = wanted(choice);
  if (!navigator.mediaDevices) throw new DOMException("no media devices here", "NotFoundError");
  if (choice.audioOnly) return navigator.mediaDevices.getUserMedia({ audio });
  try {
    return await navigator.mediaDevices.getUserMedia({ audio, video });
  } catch (error) {
    if (error instanceof DOMException && error.name === "NotAllowedError") throw error;
    try {
      return await navigator.mediaDevices.getUserMedia({ audio });
    } catch {
      return await navigator.mediaDevices.getUserMedia({ video });
    }
  }
}

/** The usual camera alone, as when pictures are taken again. */
export async function camera(choice: Choice = remembered()): Promise<MediaStreamTrack | undefined> {
  const { video } = wanted(choice);
  return (await navigator.mediaDevices.getUserMedia({ video })).getVideoTracks()[0];
}

/** Exactly that camera, beside the usual one. */
export async function secondCamera(deviceId: string): Promise<MediaStreamTrack> {
  const video = { ...picture(), deviceId: { exact: deviceId } };
  const track = (await navigator.mediaDevices.getUserMedia({ video })).getVideoTracks()[0];
  if (track === undefined) throw new DOMException("no picture", "NotFoundError");
  return track;
}

/** The devices of one kind; names are there once capturing was allowed. */
export async function devices(kind: "audioinput" | "videoinput"): Promise<MediaDeviceInfo[]> {
  const all = await navigator.mediaDevices.enumerateDevices();
  return all.filter((device) => device.kind === kind && device.deviceId !== "");
}

export function release(stream: MediaStream | null): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
}
