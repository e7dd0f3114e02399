// The request form: what is chosen shows at once, a draft survives a reload, and a lost line does not lose a call.
// Fields belong to the form by their `form` attribute, since the patient's own forms stand between them.

import { RequestDraft } from "../request_draft.ts";
import { clock, say } from "../words.ts";

const AGAIN_MS = 3_000;

const find = <T extends HTMLElement>(selector: string) => document.querySelector(selector) as T;
const form = () => find<HTMLFormElement>("#request");

const draft = new RequestDraft(value("draft"), (at, offline) => {
  const note = find("#draft-note");
  note.textContent = say(offline ? "draft_kept_here" : "draft_kept", { time: clock(at, true) });
  note.hidden = false;
});
/** The key of a request that may have arrived although no answer came: it goes out under that key again. */
const UNANSWERED = `hoichan.key.${value("draft")}`;

function pairs(): [string, string][] {
  return [...new FormData(form())].flatMap(([field, value]) => (typeof value === "string" ? [[field, value] as [string, string]] : []));
}

function value(field: string): string {
  return pairs().find(([known]) => known === field)?.[1] ?? "";
}

function keep(): void {
  draft.keep(pairs());
}

function forget(): void {
  draft.forget();
  sessionStorage.removeItem(UNANSWERED);
}

/** Puts back what the server has not: what was typed while it could not be reached. */
async function restore(): Promise<void> {
  const key = sessionStorage.getItem(UNANSWERED);
  if (key !== null) find<HTMLInputElement>("#request [name=idempotency_key]").value = key;
  // What the server gave back after an error stands; a draft is for a page that was left or loaded again.
  if ("again" in form().dataset || !("kept" in form().dataset)) return;
  const left = await draft.left();
  for (const [field, text] of left) {
    for (const element of document.querySelectorAll(`[form=request][name="${CSS.escape(field)}"]`)) {
      if (element instanceof HTMLInputElement && (element.type === "radio" || element.type === "checkbox")) element.checked = element.value === text;
      else if (element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement || element instanceof HTMLSelectElement) element.value = text;
    }
  }
  const proof = left.find(([field]) => field === "patient")?.[1];
  await reconfirm(proof);
  // The patient was taken out again before the server heard of it.
  if (left.length && proof === undefined) document.querySelector<HTMLFormElement>("#patient:has(.found) form")?.requestSubmit();
  if (left.length) keep();
  show();
}

/** Asks the server who was confirmed before the page was left: this browser kept the sealed proof, and no name. */
async function reconfirm(proof: string | undefined): Promise<void> {
  if (proof === undefined || value("patient") !== "") return;
  const body = new URLSearchParams({ csrf: value("csrf"), patient: proof });
  const response = await fetch("/patients/confirmed", { method: "POST", headers: { "X-Fragment": "1" }, body }).catch(() => null);
  if (!response?.ok || response.headers.get("X-Fragment") === null || value("patient") !== "") return;
  find("#patient").innerHTML = await response.text();
  show();
}

/** The word beside a chosen radio. */
function chosenWord(field: string): string {
  return document.querySelector(`[form=request][name=${field}]:checked`)?.closest("label")?.querySelector("[data-word]")?.textContent?.trim() ?? "";
}

function show(): void {
  const urgency = value("urgency");
  const specialty = value("specialty_id");
  const emergency = urgency === "emergency";
  const patient = value("patient") !== "";
  find("#request-page").dataset["urgency"] = urgency;
  for (const part of document.querySelectorAll<HTMLElement>("[data-for-urgency]")) part.hidden = part.dataset["forUrgency"] !== urgency;
  for (const part of document.querySelectorAll<HTMLElement>("[data-for-specialty]")) part.hidden = part.dataset["forSpecialty"] !== specialty;
  find("#temporary").hidden = !emergency || patient;
  for (const sheet of document.querySelectorAll<HTMLElement>("[data-suits]")) sheet.toggleAttribute("data-suited", specialty !== "" && (sheet.dataset["suits"] ?? "").split(" ").includes(specialty));
  // A red flag suggests; nothing changes the urgency but the person.
  find("#red-flag").hidden = emergency || document.querySelector("[data-red-flag]:checked") === null;
  const button = find<HTMLButtonElement>("#send-request");
  button.classList.toggle("call-now", emergency);
  button.classList.toggle("primary", !emergency);
  (button.querySelector("[data-label]") as HTMLElement).textContent = say(emergency ? "call_now" : "send");
  const person = document.querySelector("#patient .found h3")?.textContent?.trim() ?? "";
  find("#send-summary").textContent = [chosenWord("urgency"), chosenWord("specialty_id"), person].filter(Boolean).join(" · ");
  find("#send-hint").textContent = say(specialty === "" ? "choose_specialty" : emergency ? "enough" : "needs_rest");
}

let sending = false;
let again: ReturnType<typeof setTimeout> | undefined;

async function send(): Promise<void> {
  if (sending) return;
  clearTimeout(again);
  sending = true;
  const note = find("#send-note");
  note.textContent = say("sending");
  delete note.dataset["tone"];
  const body = new URLSearchParams(pairs());
  try {
    draft.stop();
    const response = await fetch(form().action, { method: "POST", headers: { "X-Fragment": "1" }, body });
    const there = response.headers.get("Location");
    if (response.status === 201 && there !== null) {
      forget();
      location.assign(there);
      return;
    }
    if (response.status === 422 && response.headers.get("X-Fragment") !== null) {
      replace(await response.text());
      return;
    }
    if (response.status >= 500) throw new TypeError("no answer that counts");
    // Signed out, locked or refused: the browser itself shows what the server says. The draft stays.
    keep();
    sessionStorage.removeItem(UNANSWERED);
    form().submit();
  } catch {
    keep();
    sessionStorage.setItem(UNANSWERED, value("idempotency_key"));
    const number = document.querySelector("[href^='tel:']")?.textContent?.trim() ?? "";
    note.dataset["tone"] = "urgent";
    note.textContent = say("unsent", { telephone: number && value("urgency") === "emergency" ? say("telephone", { number }) : "" });
    again = setTimeout(() => void send(), AGAIN_MS);
  } finally {
    sending = false;
  }
}

/** The page again, with what is wrong beside its field. */
function replace(text: string): void {
  const page = new DOMParser().parseFromString(text, "text/html");
  find("#main").replaceChildren(...(page.querySelector("#main") as HTMLElement).childNodes);
  show();
  const wrong = document.querySelector<HTMLElement>("[aria-invalid=true], .problem");
  const input = wrong?.matches("fieldset") ? wrong.querySelector<HTMLElement>("input") : wrong;
  input?.focus();
  (wrong ?? find("#main")).scrollIntoView({ block: "center" });
}

document.addEventListener("submit", (event) => {
  if (event.target !== form()) return;
  event.preventDefault();
  void send();
});
document.addEventListener("input", (event) => {
  if (!(event.target instanceof Element) || event.target.getAttribute("form") !== "request") return;
  keep();
  show();
});
document.addEventListener("fragment", () => {
  draft.keep(pairs(), true); // a patient was confirmed, or another one is looked for
  show();
});
window.addEventListener("online", () => {
  if (again !== undefined) void send();
});
void restore();
show();
