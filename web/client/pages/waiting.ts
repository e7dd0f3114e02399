// The waiting page: looks again after each entry of the log, counts down, and goes to the room when the case is taken.

import { startAlerts } from "../alerts.ts";
import { Connection } from "../core/connection.ts";
import { Countdown } from "../core/countdown.ts";
import type { LogEntry } from "../core/protocol.ts";
import { Draft } from "../core/draft.ts";
import { load, startFragments } from "../fragments.ts";
import { startPreview } from "../preview.ts";
import { say } from "../words.ts";

const LOOK_AGAIN_MS = 10_000;

const ladder = document.querySelector("#ladder") as HTMLElement;
const consultId = ladder.dataset["consultId"] ?? "";
const room = ladder.dataset["room"];

new Draft(sessionStorage, "hoichan.request").drop();
const connection = new Connection(say("offline"));
startAlerts(connection);
startFragments();

let gone = false;
function enter(): void {
  if (gone || room === undefined) return;
  gone = true;
  location.assign(room);
}

let last = 0;
let looking: ReturnType<typeof setTimeout> | undefined;
function look(soon = 60): void {
  clearTimeout(looking);
  looking = setTimeout(() => {
    // An open list of reasons is not taken from under the hand.
    if (!gone && !ladder.querySelector("details[open]")) void load(ladder, ladder.dataset["address"] ?? "");
    look(LOOK_AGAIN_MS);
  }, soon);
}

function heard(entries: readonly LogEntry[]): void {
  for (const entry of entries) last = Math.max(last, entry.number);
  if (entries.some((entry) => entry.kind === "claimed")) enter();
  if (entries.length > 0) look();
}

connection.onConnect(() => {
  connection
    .call<{ entries: LogEntry[]; view: { state: string } }>("watch_consult", { consult_id: consultId, after: last })
    .then((answer) => {
      if (answer.view.state === "claimed") enter();
      heard(answer.entries);
    })
    .catch(() => look(1_000));
});
connection.on("log", (message) => {
  if (message.consult_id === consultId) heard(message.entries);
});

let countdown: Countdown | null = null;
function follow(): void {
  const timer = ladder.querySelector<HTMLElement>("[data-due]");
  countdown = timer ? new Countdown(timer.dataset["due"] ?? "", timer.dataset["now"] ?? "", Date.now()) : null;
}
ladder.addEventListener("fragment", follow);
follow();
setInterval(() => {
  const seconds = ladder.querySelector("[data-seconds]");
  if (countdown === null || seconds === null) return;
  const left = countdown.left(Date.now());
  seconds.textContent = String(left);
  const arc = ladder.querySelector(".countdown circle + circle");
  const whole = Number(arc?.getAttribute("pathLength") ?? 1);
  arc?.setAttribute("stroke-dasharray", `${Math.min(left, whole)} ${whole}`);
}, 500);

if (room !== undefined) startPreview();
