// The quick form of the room: vital signs, a photograph, a result. It writes while the call goes on, and on a cut line it
// keeps what was typed and sends it when the line is back.

import { read, offered, type Connected } from "../adding/device.ts";
import { frame, prepared } from "../adding/picture.ts";
import { post, Sender, type Outcome, type Refusal } from "../adding/sending.ts";
import { unusual, Waitlist, type Usual } from "../core/additions.ts";
import { Draft } from "../core/draft.ts";
import { usable, type Reading } from "../core/gatt/readings.ts";
import { clientKey } from "../core/protocol.ts";
import { clock, element, say } from "../words.ts";

type Kind = "vitals" | "file" | "result";

const AGAIN_MS = 3_000;
const PREFIX = "hoichan.addition.";
const find = <T extends HTMLElement>(selector: string, within: ParentNode = document) => within.querySelector(selector) as T;

const room = find("#room");
const adder = find("#adder");
const address = `/consults/${room.dataset["consultId"] ?? ""}/additions`;
const name = `${PREFIX}${adder.dataset["staffId"] ?? ""}.${room.dataset["consultId"] ?? ""}`;
const usual = JSON.parse(adder.dataset["usual"] ?? "{}") as Usual;
const forms = new Map([...adder.querySelectorAll("form")].map((form) => [form.dataset["kind"] as Kind, form]));
const form = (kind: Kind) => forms.get(kind) as HTMLFormElement;
const drafts = new Map((["vitals", "result"] as const).map((kind) => [kind, new Draft(sessionStorage, `${name}.${kind}`)]));

// What another person, or another consult, left in this browser is nobody's any more.
for (const key of Object.keys(sessionStorage)) if (key.startsWith(PREFIX) && !key.startsWith(name)) sessionStorage.removeItem(key);

// ── opening, closing, turning ──
let opener: HTMLElement | null = null;

function show(kind: Kind): void {
  adder.dataset["kind"] = kind;
  for (const [known, one] of forms) one.hidden = known !== kind;
  for (const button of adder.querySelectorAll<HTMLElement>(".tabs [data-kind]")) button.setAttribute("aria-pressed", String(button.dataset["kind"] === kind));
}

function open(from: HTMLElement): void {
  opener = from;
  from.closest("details")?.removeAttribute("open");
  adder.hidden = false;
  room.dataset["adding"] = "";
  if (room.dataset["part"] !== "book") find("a[data-part=book]").click();
  find("#adder-title").focus();
}

function close(): void {
  adder.hidden = true;
  delete room.dataset["adding"];
  device?.close();
  opener?.focus();
}

for (const button of document.querySelectorAll<HTMLElement>("[data-open-adder]")) button.addEventListener("click", () => (adder.hidden ? open(button) : close()));
find("#close-adder").addEventListener("click", close);
adder.addEventListener("keydown", (event) => {
  if (event.key === "Escape") close();
});
for (const button of adder.querySelectorAll<HTMLElement>(".tabs [data-kind]")) button.addEventListener("click", () => show(button.dataset["kind"] as Kind));

// ── typed additions ──
function pairs(one: HTMLFormElement): [string, string][] {
  return [...new FormData(one)].flatMap(([field, value]) => (typeof value === "string" && value.trim() !== "" ? [[field, value] as [string, string]] : []));
}

function state(kind: Kind, text: string, tone = ""): void {
  const line = find("[data-state]", form(kind));
  line.textContent = text;
  line.dataset["tone"] = tone;
}

function ask(kind: Kind, text: string): void {
  const line = find("[data-ask]", form(kind));
  line.textContent = text;
  line.hidden = text === "";
  find("[type=submit]", form(kind)).textContent = say(text === "" ? "add_save" : "add_save_anyway");
}

function clean(kind: Kind): void {
  for (const line of form(kind).querySelectorAll<HTMLElement>(".problem:not([data-ask])")) line.hidden = true;
  for (const input of form(kind).querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
}

function refuse(kind: Kind, refusal: Refusal): void {
  const problem = adder.querySelector<HTMLElement>(`#add-${CSS.escape(refusal.field ?? "")}-problem`);
  if (problem === null) {
    state(kind, refusal.detail, "urgent");
    return;
  }
  problem.textContent = refusal.detail;
  problem.hidden = false;
  const input = adder.querySelector<HTMLElement>(`#add-${CSS.escape(refusal.field ?? "")}`);
  input?.setAttribute("aria-invalid", "true");
  input?.focus();
  state(kind, "");
}

const waitlist = new Waitlist(sessionStorage, `${name}.waiting`);
const sender = new Sender(waitlist, address, (waiting, outcome) => {
  const kind = waiting.pairs.some(([field, value]) => field === "kind" && value === "result") ? "result" : "vitals";
  if (outcome.kind === "kept") state(kind, say("add_saved", { time: clock(new Date().toISOString(), true) }), "ok");
  else if (outcome.kind === "unsent") state(kind, say("add_unsent", { count: sender.count }), "urgent");
  else {
    // It comes back into its form, unless something else is being typed there by now.
    if (pairs(form(kind)).every(([field]) => field === "kind")) fill(form(kind), waiting.pairs);
    if (outcome.refusal.code === "addition.unusual") ask(kind, outcome.refusal.detail);
    else refuse(kind, outcome.refusal);
  }
});

function fill(one: HTMLFormElement, values: readonly (readonly [string, string])[]): void {
  for (const [field, value] of values) {
    const input = one.elements.namedItem(field);
    if (input instanceof HTMLInputElement && field !== "kind") input.value = value;
  }
}

function empty(one: HTMLFormElement): void {
  const kind = find<HTMLInputElement>("[name=kind]", one)?.value;
  one.reset();
  const hidden = one.elements.namedItem("device");
  if (hidden instanceof HTMLInputElement) hidden.value = "";
  if (kind) find<HTMLInputElement>("[name=kind]", one).value = kind;
}

for (const kind of ["vitals", "result"] as const) {
  const one = form(kind);
  fill(one, drafts.get(kind)?.kept() ?? []);
  one.addEventListener("input", (event) => {
    drafts.get(kind)?.keep(pairs(one));
    ask(kind, "");
    if (event.target instanceof HTMLInputElement) event.target.dataset["typed"] = "";
  });
  one.addEventListener("submit", (event) => {
    event.preventDefault();
    clean(kind);
    const typed = pairs(one);
    const confirmed = !find("[data-ask]", one).hidden;
    const odd = kind === "vitals" && !confirmed ? unusual(typed, usual) : [];
    if (odd.length > 0) {
      const values = odd.map((field) => {
        const label = one.querySelector<HTMLLabelElement>(`label[for="add-${field}"]`)?.textContent?.trim().replace(/\s+/g, " ") ?? field;
        return `${label}: ${find<HTMLInputElement>(`#add-${field}`).value}`;
      });
      ask(kind, say("add_unusual", { values: values.join(", ") }));
      return;
    }
    if (typed.every(([field]) => field === "kind" || field === "device")) {
      state(kind, say("add_empty"), "urgent");
      return;
    }
    ask(kind, "");
    state(kind, say("add_saving"));
    const more: [string, string][] = [["taken_at", new Date().toISOString()]];
    if (confirmed) more.push(["confirmed", "1"]);
    sender.send({ key: clientKey(), pairs: [...typed, ...more] });
    empty(one);
    for (const input of one.querySelectorAll<HTMLElement>("[data-typed]")) delete input.dataset["typed"];
    drafts.get(kind)?.drop();
  });
}
void sender.run();

// ── a photograph or document ──
let chosen: Blob | null = null;
let fileKey = clientKey();
let sendingFile = false;

function choose(blob: Blob | null): void {
  chosen = blob;
  fileKey = clientKey();
  const preview = find<HTMLImageElement>("#file-preview");
  if (preview.src) URL.revokeObjectURL(preview.src);
  const isPicture = blob?.type.startsWith("image/") === true;
  preview.hidden = !isPicture;
  if (blob !== null && isPicture) preview.src = URL.createObjectURL(blob);
  else preview.removeAttribute("src");
  if (blob !== null) find("#chosen-file").textContent = say("add_chosen", { name: blob instanceof File && !isPicture ? blob.name : "", size: Math.max(1, Math.round(blob.size / 1024)) });
  clean("file");
  state("file", "");
}

for (const input of adder.querySelectorAll<HTMLInputElement>("[data-file]")) {
  input.addEventListener("change", async () => {
    const [file] = input.files ?? [];
    if (file) choose(await prepared(file));
    input.value = "";
  });
}
find("#own-frame").addEventListener("click", async () => {
  const taken = await frame(document.querySelector<HTMLVideoElement>("video-tile.self video"));
  if (taken) choose(taken);
  else state("file", say("add_no_camera"), "urgent");
});

async function sendFile(): Promise<void> {
  if (chosen === null || sendingFile) return;
  sendingFile = true;
  const body = new FormData();
  body.set("key", fileKey);
  body.set("description", find<HTMLInputElement>("#add-description").value);
  body.set("taken_at", new Date().toISOString());
  body.set("file", chosen, "file");
  state("file", say("add_sending"));
  const outcome: Outcome = await post(`${address}/file`, body);
  sendingFile = false;
  if (outcome.kind === "kept") {
    choose(null);
    form("file").reset();
    state("file", say("add_saved", { time: clock(new Date().toISOString(), true) }), "ok");
  } else if (outcome.kind === "refused") refuse("file", outcome.refusal);
  else {
    state("file", say("add_file_unsent"), "urgent");
    setTimeout(() => void sendFile(), AGAIN_MS);
  }
}

form("file").addEventListener("submit", (event) => {
  event.preventDefault();
  clean("file");
  if (chosen === null) state("file", say("add_choose"), "urgent");
  else void sendFile();
});

// ── from a device ──
let device: Connected | null = null;

function take(reading: Reading, from: string): void {
  const note = find("#device-note");
  const doubts = reading.doubts.map((doubt) => say(`device_${doubt}`));
  if (!usable(reading)) {
    note.textContent = say("device_nothing", { name: from, doubts: doubts.join(", ") });
    return;
  }
  const one = form("vitals");
  for (const [field, value] of Object.entries(reading.values)) {
    const input = one.elements.namedItem(field);
    // What a person typed stays; a device fills only what is blank or its own.
    if (input instanceof HTMLInputElement && (input.value === "" || !("typed" in input.dataset))) input.value = String(value).replace(".", ",");
  }
  (one.elements.namedItem("device") as HTMLInputElement).value = from;
  const at = reading.takenAt;
  const two = (part: number) => String(part).padStart(2, "0");
  const when = at === null ? "" : say("device_at", { time: `${two(at.hours)}:${two(at.minutes)} ${two(at.day)}/${two(at.month)}/${at.year}` });
  note.textContent = [say("device_read", { name: from }), when, ...reading.converted, ...doubts].filter(Boolean).join(" · ");
  drafts.get("vitals")?.keep(pairs(one));
}

if (offered()) {
  find("#read-device-part").hidden = false;
  find("#read-device").addEventListener("click", async () => {
    device?.close();
    const note = find("#device-note");
    note.textContent = say("device_waiting");
    try {
      device = await read(take, () => (device = null));
      note.textContent = say("device_measure", { name: device.name });
    } catch (error) {
      const chose = !(error instanceof DOMException && error.name === "NotFoundError"); // nobody chose one
      note.textContent = chose ? say("device_failed") : "";
    }
  });
}

// ── what stands in the panel: take back, enlarge ──
document.addEventListener("click", async (event) => {
  if (!(event.target instanceof Element)) return;
  const back = event.target.closest<HTMLElement>("[data-withdraw]");
  if (back !== null) {
    if (!("sure" in back.dataset)) {
      back.dataset["sure"] = "";
      back.replaceChildren(say("add_withdraw"));
      return;
    }
    const outcome = await post(`${address}/${back.dataset["withdraw"] ?? ""}/withdraw`, new URLSearchParams());
    if (outcome.kind !== "kept") back.after(element("p", { class: "problem" }, outcome.kind === "refused" ? outcome.refusal.detail : say("add_not_withdrawn")));
  }
  const picture = event.target.closest<HTMLAnchorElement>("a[data-picture]");
  if (picture !== null) {
    event.preventDefault();
    const dialog = find<HTMLDialogElement>("#picture-dialog");
    const image = find<HTMLImageElement>("img", dialog);
    image.src = picture.href;
    image.alt = picture.closest("li")?.querySelector("strong")?.textContent ?? "";
    dialog.showModal();
  }
});
