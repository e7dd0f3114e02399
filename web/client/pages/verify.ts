// Checks signatures under minutes in this browser alone. The page, its parts and the last trust list are kept by
// verify-worker.ts, so that it works with the network off; the key that signs the lists is pinned at the first visit.

import jsQR from "jsqr";
import { readList, verify, type Trusted, type Verdict } from "../core/signatures.ts";
import { element, icon, say } from "../words.ts";

const PIN = "hoichan.trust.pin";
const KEPT = "hoichan.trust.list";
const LIST = "/trust-list.json";
const byId = (id: string) => document.getElementById(id) as HTMLElement;
const text = byId("signed") as HTMLTextAreaElement;
const result = byId("result");

let trusted: Trusted | undefined;

/** The newest list that the pinned key signed: from the network, else the one that was kept. Never an older version. */
async function load(): Promise<void> {
  const kept = localStorage.getItem(KEPT);
  let known = kept === null ? undefined : await readList(kept);
  const pin = localStorage.getItem(PIN);
  let refused = false;
  try {
    const response = await fetch(LIST, { cache: "no-store", credentials: "omit" });
    const came = response.ok ? await response.text() : "";
    const found = await readList(came);
    if (found === undefined || (pin !== null && !found.pins.includes(pin))) refused = response.ok;
    else if (known === undefined || found.list.version >= known.list.version) {
      localStorage.setItem(PIN, found.signer);
      localStorage.setItem(KEPT, came);
      known = found;
    }
  } catch {
    // No network: the list that was kept serves.
  }
  trusted = known !== undefined && (pin === null || known.pins.includes(pin)) ? known : undefined;
  const told = trusted
    ? say("list", { version: trusted.list.version, issued: trusted.list.issued.replace("T", " ").replace("Z", " UTC"), key: trusted.signer })
    : say("no_list");
  byId("trust").textContent = refused ? `${say("list_refused")} ${told}` : told;
  byId("trust").dataset["state"] = refused ? "refused" : trusted ? "ready" : "none";
}

async function check(): Promise<void> {
  if (trusted === undefined) return show("unknown", say("no_list"));
  const verdict = await verify(text.value, trusted.list);
  if (verdict === undefined) return show("unreadable", say("unreadable"));
  show(verdict.standing, say(verdict.standing), verdict);
}

const TONES: Record<string, string> = { valid: "ok", altered: "emergency", revoked: "emergency", unknown: "urgent", unreadable: "urgent" };

function show(standing: string, sentence: string, verdict?: Verdict): void {
  const parts: Node[] = [element("p", {}, icon(standing === "valid" ? "check" : "alert"), element("strong", {}, sentence))];
  if (verdict !== undefined) {
    const { payload, stamps, document: content } = verdict;
    parts.push(element("p", {}, say("count", { count: stamps.length, all: payload.of })));
    const list = element("ul", { class: "list" });
    for (const { stamp, standing: one } of stamps) {
      const at = new Date(stamp.at * 1000).toISOString().replace("T", " ").replace(".000Z", " UTC");
      list.append(
        element("li", { "data-standing": one }, element("span", { class: "what" }, say(stamp.seat), element("small", { class: "meta" }, `${at} · ${stamp.key}`)), element("span", { class: "chip", "data-tone": TONES[one] ?? "quiet" }, say(`short_${one}`))),
      );
    }
    parts.push(list, element("p", { class: "meta" }, say("digest", { digest: payload.digest })));
    if (content === undefined) parts.push(element("p", { class: "hint" }, say("paper")));
    else {
      parts.push(element("p", {}, say("document", { code: String(content["consult"]), version: String(content["version"] ?? content["number"] ?? "") })));
      parts.push(element("p", { class: "pre" }, String(content["conclusion"] ?? content["text"] ?? "")));
    }
  }
  result.replaceChildren(element("div", { class: "tile-body stack stack-tight" }, ...parts));
  result.dataset["standing"] = standing;
  result.dataset["tone"] = TONES[standing] ?? "quiet";
  result.hidden = false;
  result.focus();
}

/** The text of the code in a picture; undefined when none is seen. */
function codeIn(source: CanvasImageSource, width: number, height: number): string | undefined {
  const canvas = document.createElement("canvas");
  const scale = Math.min(1, 1600 / Math.max(width, height));
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context?.drawImage(source, 0, 0, canvas.width, canvas.height);
  const pixels = context?.getImageData(0, 0, canvas.width, canvas.height);
  return pixels ? (jsQR(pixels.data, pixels.width, pixels.height)?.data ?? undefined) : undefined;
}

async function open(file: File): Promise<void> {
  if (file.type.startsWith("image/")) {
    const picture = await createImageBitmap(file);
    text.value = codeIn(picture, picture.width, picture.height) ?? "";
    picture.close();
  } else text.value = await file.text();
  await check();
}

let stream: MediaStream | undefined;
function stop(): void {
  stream?.getTracks().forEach((track) => track.stop());
  stream = undefined;
  byId("camera").hidden = true;
}

async function scan(): Promise<void> {
  const video = byId("camera") as HTMLVideoElement;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch {
    return show("unreadable", say("no_camera"));
  }
  video.srcObject = stream;
  video.hidden = false;
  await video.play();
  const look = async (): Promise<void> => {
    if (stream === undefined) return;
    const found = video.videoWidth > 0 ? codeIn(video, video.videoWidth, video.videoHeight) : undefined;
    if (found === undefined || found === "") return void setTimeout(() => void look(), 250);
    stop();
    text.value = found;
    await check();
  };
  await look();
}

byId("verify-form").addEventListener("submit", (event) => {
  event.preventDefault();
  void check();
});
byId("file").addEventListener("change", (event) => {
  const file = (event.target as HTMLInputElement).files?.[0];
  if (file) void open(file);
});
byId("scan").addEventListener("click", () => void (stream === undefined ? scan() : stop()));
window.addEventListener("pagehide", stop);

void (async () => {
  await load();
  if (!("serviceWorker" in navigator)) return;
  await navigator.serviceWorker.register(`/verify-worker.js?language=${document.documentElement.lang}`, { scope: "/verify" });
  await navigator.serviceWorker.ready;
  byId("offline").hidden = false;
})();
