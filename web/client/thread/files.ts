// Sends photographs, documents and voice clips into a thread; what breaks off goes on from where it stood.

import type { Upload } from "tus-js-client";
import { token } from "../adding/sending.ts";
import { clientKey } from "../core/protocol.ts";
import { Started } from "../core/started.ts";
import { element, icon, say } from "../words.ts";
import { ownCopies } from "./own_copies.ts";

/** Bytes a request: small enough that a bad line loses little, large enough for a good one. */
const CHUNK = 1024 * 1024;
const DELAYS_MS = [0, 1_000, 3_000, 5_000, 10_000, 20_000, 30_000, 60_000];
const LONGEST_CLIP_MS = 5 * 60_000;

export class Files {
  readonly #consultId: string;
  readonly #sender: HTMLElement;
  readonly #sent: () => void;
  #started: Promise<Started | null> | undefined;

  /** `sent` is called when a file has become part of the thread. */
  constructor(consultId: string, sender: HTMLElement, sent: () => void) {
    this.#consultId = consultId;
    this.#sender = sender;
    this.#sent = sent;
    const input = sender.querySelector<HTMLInputElement>("#attach");
    input?.addEventListener("change", () => {
      for (const file of input.files ?? []) void this.send(file, file.name);
      input.value = "";
    });
    const button = sender.querySelector<HTMLButtonElement>("#record");
    if (button && "MediaRecorder" in window && navigator.mediaDevices) new Recorder(button, (clip) => void this.send(clip, say("voice_clip")));
  }

  async send(file: Blob, name: string): Promise<void> {
    const state = element("small", { class: "meta" }, say("sending", { percent: 0 }));
    const stop = element("button", { class: "button plain", type: "button", "aria-label": say("give_up") }, icon("x"));
    const row = element("li", { class: "row" }, element("span", {}, name), state, stop);
    this.#sender.querySelector("#sending")?.append(row);
    const address = document.querySelector<HTMLElement>("[data-tus]")?.dataset["tus"] ?? "";
    const loaded = (await import(address)) as { Upload: typeof Upload };
    // A clip has no name of its own, and is nowhere to be chosen again.
    const chosen = file instanceof File ? file : null;
    this.#started ??= ownCopies().then((copies) => copies && Started.opened(copies, this.#consultId));
    const started = chosen && (await this.#started);
    const begun = (chosen && started?.take(chosen)) ?? null;
    const clientId = begun?.clientId ?? clientKey();
    const forget = () => void (chosen && started?.drop(chosen));
    const upload = new loaded.Upload(file, {
      endpoint: `/consults/${this.#consultId}/uploads`,
      chunkSize: CHUNK,
      retryDelays: DELAYS_MS,
      storeFingerprintForResuming: false,
      uploadUrl: begun?.url ?? null,
      onUploadUrlAvailable: () => {
        if (chosen && upload.url) void started?.keep(chosen, { url: upload.url, clientId });
      },
      metadata: { client_id: clientId },
      headers: { "X-CSRF-Token": token(), Accept: "application/json" },
      onProgress: (sent, total) => (state.textContent = say("sending", { percent: Math.floor((100 * sent) / total) })),
      onShouldRetry: (error) => {
        const status = "originalResponse" in error ? (error.originalResponse?.getStatus() ?? 0) : 0;
        // A broken line, a server that is away, a place that has moved; everything else is an answer.
        return status === 0 || status >= 500 || status === 409 || status === 429;
      },
      onError: (error) => {
        if (chosen) started?.rest(chosen);
        state.textContent = ("originalResponse" in error && detail(error.originalResponse?.getBody())) || say("not_sent");
        row.dataset["tone"] = "urgent";
      },
      onSuccess: () => {
        forget();
        row.remove();
        this.#sent();
      },
    });
    stop.addEventListener("click", () => {
      row.remove();
      forget();
      void upload.abort(true).catch(() => undefined);
    });
    upload.start();
  }
}

function detail(body: string | undefined): string {
  try {
    return String((JSON.parse(body ?? "") as { detail?: string }).detail ?? "");
  } catch {
    return "";
  }
}

/** A button that records while it is pressed down once, and sends when it is pressed again. */
class Recorder {
  readonly #button: HTMLButtonElement;
  readonly #done: (clip: Blob) => void;
  #running: MediaRecorder | null = null;

  constructor(button: HTMLButtonElement, done: (clip: Blob) => void) {
    this.#button = button;
    this.#done = done;
    button.hidden = false;
    button.addEventListener("click", () => (this.#running ? this.#running.stop() : void this.#start()));
  }

  async #start(): Promise<void> {
    this.#button.disabled = true;
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      const kind = ["audio/webm;codecs=opus", "audio/ogg;codecs=opus", "audio/mp4"].find((type) => MediaRecorder.isTypeSupported(type));
      const recorder = new MediaRecorder(stream, { ...(kind ? { mimeType: kind } : {}), audioBitsPerSecond: 24_000 });
      const parts: Blob[] = [];
      const limit = setTimeout(() => recorder.stop(), LONGEST_CLIP_MS);
      recorder.addEventListener("dataavailable", (event) => parts.push(event.data));
      recorder.addEventListener("stop", () => {
        clearTimeout(limit);
        for (const track of stream.getTracks()) track.stop();
        this.#show(null);
        const clip = new Blob(parts, { type: recorder.mimeType });
        if (clip.size > 0) this.#done(clip);
      });
      recorder.start();
      this.#show(recorder);
    } catch {
      this.#show(null, say("no_microphone"));
    } finally {
      this.#button.disabled = false;
    }
  }

  #show(running: MediaRecorder | null, problem = ""): void {
    this.#running = running;
    this.#button.setAttribute("aria-pressed", String(running !== null));
    const word = this.#button.querySelector("span");
    if (word) word.textContent = problem || say(running ? "stop_and_send" : "record");
  }
}
