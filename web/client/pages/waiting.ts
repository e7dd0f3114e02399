// The page on which one waits: the ladder lives, the countdown runs, one's own picture is ready before anybody joins.

import { startAlerts } from "../alerts.ts";
import { Countdown } from "../core/countdown.ts";
import { Connection } from "../core/connection.ts";
import { claimNow } from "../core/holding.ts";
import type { LogEntry } from "../core/protocol.ts";
import { load, startFragments } from "../fragments.ts";
import { startMenus } from "../menus.ts";
import { startPreview } from "../preview.ts";
import { say } from "../words.ts";

const LOOK_MS = 5_000;

const find = <T extends HTMLElement>(selector: string) => document.querySelector(selector) as T;
const page = find("#waiting");
const ladder = find("#ladder");
const spoken = find("#spoken");
const consultId = page.dataset["consultId"] ?? "";
const serverNow = page.dataset["now"] ?? "";
const arrived = Date.now();
const offset = Date.parse(serverNow) - arrived;

let leaving = false;

function leave(address: string): void {
  if (leaving) return;
  leaving = true;
  location.assign(address);
}

const state = () => ladder.querySelector<HTMLElement>("[data-state]");

/** What the ladder says goes into the rest of the page: where to go, what can still be widened, one spoken line. */
function settle(): void {
  const now = state();
  const onward = now?.dataset["onward"];
  if (onward !== undefined) leave(onward);
  find("#widen-request").hidden = now !== null && "lastStep" in now.dataset;
  const urgency = now?.querySelector<HTMLTemplateElement>("[data-urgency-now]");
  if (urgency && urgency.dataset["urgencyNow"] !== page.dataset["urgency"]) {
    // Whoever has made an emergency of it goes straight to the room.
    page.dataset["urgency"] = urgency.dataset["urgencyNow"];
    find("#urgency-now").replaceChildren(urgency.content.cloneNode(true));
  }
  const title = ladder.querySelector("#title")?.textContent?.trim() ?? "";
  if (spoken.textContent !== title) spoken.textContent = title;
  tick();
}

let looking = false;
let lookAgain = false;

/** Ask for the ladder; put it in only when something changed, so that nothing jumps under the hand. */
async function look(): Promise<void> {
  if (looking) {
    lookAgain = true;
    return;
  }
  looking = true;
  try {
    const response = await fetch(ladder.dataset["address"] ?? "", { headers: { "X-Fragment": "1" } });
    if (!response.ok || response.headers.get("X-Fragment") === null) return;
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html").body;
    const after = fresh.querySelector<HTMLElement>("[data-state]");
    if (after?.dataset["state"] !== state()?.dataset["state"] || after?.dataset["onward"] !== undefined) {
      ladder.replaceChildren(...fresh.childNodes);
      settle();
    }
  } catch {
    // No network: the banner of the connection says so, and the next look comes by itself.
  } finally {
    looking = false;
    if (lookAgain) {
      lookAgain = false;
      void look();
    }
  }
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

function tick(): void {
  const now = Date.now() + offset;
  for (const part of document.querySelectorAll<HTMLElement>("[data-since]")) {
    const seconds = Math.max(0, Math.floor((now - Date.parse(part.dataset["since"] ?? "")) / 1000));
    const hours = Math.floor(seconds / 3600);
    part.textContent = `${hours > 0 ? `${hours}:` : ""}${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  }
  const countdown = ladder.querySelector<HTMLElement>("[data-due]");
  if (countdown === null) return;
  const left = new Countdown(countdown.dataset["due"] ?? "", serverNow, arrived).left(Date.now());
  const figure = countdown.querySelector("[data-left]");
  if (figure) figure.textContent = String(left);
  const ring = countdown.querySelector("circle + circle");
  ring?.setAttribute("stroke-dasharray", `${left} ${ring.getAttribute("pathLength") ?? left}`);
}

const connection = new Connection(say("offline"));
startAlerts(connection);
startFragments();
startMenus();

function read(entries: readonly LogEntry[]): void {
  const claimed = claimNow(entries);
  if (claimed) {
    spoken.textContent = say("taken_by", { name: claimed.actor_name ?? "" });
    leave(`/consults/${consultId}/${page.dataset["urgency"] === "emergency" ? "room" : "preview"}`);
    return;
  }
  if (entries.filter((entry) => entry.kind === "written" || entry.kind === "raised").at(-1)?.kind === "written") {
    leave(`/consults/${consultId}`);
    return;
  }
  if (!leaving && entries.some((entry) => entry.kind === "cancelled")) {
    leaving = true;
    location.reload();
  }
  const patient = find("#patient-tile");
  if (entries.some((entry) => entry.kind === "identity_changed")) void load(patient, patient.dataset["address"] ?? "");
}

connection.onConnect(() => {
  connection
    .call<{ entries: LogEntry[] }>("watch_consult", { consult_id: consultId, after: 0 })
    .then(({ entries }) => {
      const identities = entries.some((entry) => entry.kind === "identity_changed");
      read(identities ? entries.filter((entry) => entry.kind !== "identity_changed") : entries);
      // The page that was just loaded shows everything up to its number: only what came after is asked for.
      const shown = Number.parseInt(state()?.dataset["state"] ?? "", 10);
      return (entries.at(-1)?.number ?? 0) === shown ? undefined : look();
    })
    .catch(() => look());
});
connection.on("log", (message) => {
  if (message.consult_id !== consultId) return;
  read(message.entries);
  if (!leaving) void look();
});
connection.on("consult", (hint) => {
  if (hint.consult_id === consultId && !leaving) void look();
});
ladder.addEventListener("fragment", settle);
// What the form answers is where one goes: the log's word of it comes sooner, and would take its place.
find("#cancel form").addEventListener("submit", () => (leaving = true));

startPreview();
setInterval(tick, 500);
setInterval(() => {
  if (!document.hidden && !leaving) void look();
}, LOOK_MS);
settle();
