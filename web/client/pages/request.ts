// The request form: says what is enough to ring, keeps a draft in this window, sends once.

import { startAlerts } from "../alerts.ts";
import { Connection } from "../core/connection.ts";
import { Draft } from "../core/draft.ts";
import { startFragments } from "../fragments.ts";
import { clock, say } from "../words.ts";

startAlerts(new Connection(say("offline")));
startFragments();

const form = document.querySelector("#request") as HTMLFormElement;
const send = document.querySelector("#send") as HTMLButtonElement;
const summary = document.querySelector("#summary") as HTMLElement;
const readiness = document.querySelector("#readiness") as HTMLElement;
const status = document.querySelector("#draft") as HTMLElement;
const draft = new Draft(sessionStorage, "hoichan.request");
const choose = summary.textContent ?? "";

type Field = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

function fields(): Field[] {
  return Array.from(form.elements).filter(
    (one): one is Field => one instanceof HTMLInputElement || one instanceof HTMLSelectElement || one instanceof HTMLTextAreaElement,
  );
}

function checked(name: string): HTMLInputElement | null {
  return document.querySelector(`input[name="${name}"]:checked`);
}

function describe(): void {
  const urgency = checked("urgency");
  const specialty = checked("specialty");
  const patient = document.querySelector("#patient .found h3")?.textContent ?? "";
  const emergency = urgency?.value === "emergency";
  summary.textContent = specialty
    ? [urgency?.dataset["word"], specialty.dataset["word"], patient].filter(Boolean).join(" · ")
    : choose;
  readiness.textContent = (emergency ? (specialty ? readiness.dataset["enough"] : "") : readiness.dataset["whole"]) ?? "";
  send.classList.toggle("call-now", emergency);
  send.classList.toggle("primary", !emergency);
  const word = send.querySelector("span");
  if (word) word.textContent = (emergency ? send.dataset["emergency"] : send.dataset["other"]) ?? "";
  for (const note of document.querySelectorAll<HTMLElement>("[data-later]")) note.hidden = !emergency;
  for (const people of document.querySelectorAll<HTMLElement>("[data-specialty]")) people.hidden = people.dataset["specialty"] !== specialty?.value;
  for (const chip of document.querySelectorAll<HTMLElement>("[data-step-time]")) {
    chip.textContent = urgency ? say("ringing_for", { seconds: urgency.dataset["stepSeconds"] ?? "" }) : "";
  }
}

function restore(): void {
  // What the server put back after an error stands; a draft is for a page that was left or reloaded.
  if (document.querySelector("[aria-invalid=true]")) return;
  const wanted = new URLSearchParams(location.search).get("urgency");
  for (const [name, value] of draft.kept()) {
    for (const field of fields()) {
      if (field.name !== name) continue;
      if (field instanceof HTMLInputElement && (field.type === "radio" || field.type === "checkbox")) {
        if (field.value === value && !(name === "urgency" && wanted)) field.checked = true;
      } else if (field.value === "") field.value = value;
    }
  }
  const temporary = document.querySelector<HTMLDetailsElement>("#temporary");
  if (temporary?.querySelector<HTMLInputElement>("input")?.value) temporary.open = true;
}

let timer: ReturnType<typeof setTimeout> | undefined;
document.addEventListener("input", (event) => {
  const field = event.target;
  if (!(field instanceof HTMLElement) || !("form" in field) || field.form !== form) return;
  describe();
  clearTimeout(timer);
  timer = setTimeout(() => {
    draft.keep([...new FormData(form)].flatMap(([name, value]) => (typeof value === "string" ? [[name, value] as const] : [])));
    status.textContent = (status.dataset["saved"] ?? "").replace("{time}", clock(new Date().toISOString(), true));
  }, 400);
});
document.querySelector("#patient")?.addEventListener("fragment", describe);

form.addEventListener("submit", (event) => {
  if (form.dataset["sent"]) {
    event.preventDefault();
    return;
  }
  form.dataset["sent"] = "true";
  send.setAttribute("aria-busy", "true");
});
// Coming back by the browser's own button shows the page as it was left: it may be sent again, under its own key.
addEventListener("pageshow", () => {
  delete form.dataset["sent"];
  send.removeAttribute("aria-busy");
});

restore();
describe();
