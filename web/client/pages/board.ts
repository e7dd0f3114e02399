// The coordinators' board: rows and lanes come by socket, changes one by one; work is spread so that no frame waits long.

import { startAlerts, toast } from "../alerts.ts";
import { Acting } from "../board/acting.ts";
import { Lanes } from "../board/lanes.ts";
import { Moving } from "../board/moving.ts";
import { Rows } from "../board/rows.ts";
import { Connection } from "../core/connection.ts";
import type { BoardNews, BoardRow, BoardShown } from "../core/protocol.ts";
import { load, startFragments } from "../fragments.ts";
import { startMenus } from "../menus.ts";
import { clock, say } from "../words.ts";

/** Of each frame, the time that new rows may take. */
const FRAME_MS = 8;
const PEOPLE_MS = 10_000;
const AGAIN_MS = 5_000;

const find = <T extends HTMLElement>(selector: string) => document.querySelector(selector) as T;
const connection = new Connection(say("offline"));
startAlerts(connection);
startFragments();
startMenus();

let offset = 0;
const now = () => Date.now() + offset;
const open = new Rows(find("#open"), now);
const running = new Rows(find("#running"), now);
const lanes = new Lanes(find("#lanes"), now);
const spoken = find("#spoken");
const tell = (text: string, tone: string): void => {
  toast(text, tone);
  spoken.textContent = text;
};
const moving = new Moving(find("#lanes"), find("#moving"), lanes, connection, tell);
new Acting(find("#board"), find<HTMLDialogElement>("#act"), find("#drop-bar"));

/** What waits to be shown, the newest of each consult; null: it is open no longer. */
const waiting = new Map<string, BoardRow | null>();
let framed = false;
let seenAt: string | null = null;
let day = "";

function place(consultId: string, row: BoardRow | null): void {
  if (row === null) {
    open.drop(consultId);
    running.drop(consultId);
    return;
  }
  const [here, there] = row.state === "claimed" ? [running, open] : [open, running];
  const known = there.row(consultId);
  if (known !== undefined && known.number > row.number) return;
  there.drop(consultId);
  here.put(row, now());
}

function figures(): void {
  const at = now();
  find("#figure-waiting").textContent = find("#open-count").textContent = String(open.size);
  find("#figure-running").textContent = find("#running-count").textContent = String(running.size);
  const late = open.late(at);
  find("#figure-late").hidden = late === 0;
  (find("#figure-late").querySelector("span") as HTMLElement).textContent = say("count_late", { count: late });
  const over = running.overrun(at);
  find("#figure-overrun").textContent = over === 0 ? "" : say("count_overrun", { count: over });
  find("#open-empty").hidden = open.size > 0 || seenAt === null;
  find("#lanes-empty").hidden = lanes.size > 0 || seenAt === null;
}

function work(): void {
  const begun = performance.now();
  for (const [consultId, row] of waiting) {
    waiting.delete(consultId);
    place(consultId, row);
    if (performance.now() - begun > FRAME_MS) break;
  }
  framed = waiting.size > 0;
  if (framed) requestAnimationFrame(work);
  else figures();
}

function take(news: BoardNews): void {
  for (const row of news.rows) waiting.set(row.consult_id, row);
  for (const consultId of news.gone) waiting.set(consultId, null);
  if (news.lanes.length > 0) {
    lanes.put(news.lanes);
    moving.again();
  }
  seenAt = news.at;
  if (!framed && waiting.size > 0) {
    framed = true;
    requestAnimationFrame(work);
  }
}

async function watch(): Promise<void> {
  try {
    const shown = await connection.call<BoardShown>("watch_board", { after: seenAt });
    offset = Date.parse(shown.at) - Date.now();
    day = shown.day_starts_at;
    if (shown.whole) {
      const kept = new Set(shown.rows.map((row) => row.consult_id));
      for (const consultId of [...open.ids(), ...running.ids(), ...waiting.keys()]) if (!kept.has(consultId)) waiting.set(consultId, null);
      find("#open-more").hidden = !shown.more;
    }
    lanes.whole(shown.lanes, shown.day_starts_at);
    press();
    take({ at: shown.at, rows: shown.rows, gone: shown.gone, lanes: [] });
    moving.again();
    figures();
    find("#board").dataset["state"] = "live";
    find("#board-state").textContent = say("live_since", { time: clock(shown.at, true) });
  } catch {
    find("#board-state").textContent = say("offline");
    setTimeout(() => connection.connected && void watch(), AGAIN_MS);
  }
}

function press(): void {
  for (const button of document.querySelectorAll<HTMLElement>("#day-parts [data-part]")) {
    button.setAttribute("aria-pressed", String(Number(button.dataset["part"]) === lanes.part));
  }
}

find("#day-parts").addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-part]") : null;
  if (button === null) return;
  lanes.turn(Number(button.dataset["part"]));
  press();
  moving.again();
});

connection.on("board", take);
connection.onConnect(() => void watch());
connection.onDisconnect(() => {
  find("#board").dataset["state"] = "cut";
  find("#board-state").textContent = say("offline");
});

const people = find("#people");
function count(): void {
  const told = people.querySelector<HTMLElement>("[data-figures]");
  if (told === null) return;
  find("#figure-online").textContent = told.dataset["online"] ?? "–";
  find("#figure-offline").textContent = told.dataset["offline"] ?? "–";
  find("#figure-median").textContent = told.dataset["median"] ?? "–";
}
people.addEventListener("fragment", count);
count();
setInterval(() => {
  if (!document.hidden && !people.contains(document.activeElement)) void load(people, people.dataset["address"] ?? "");
}, PEOPLE_MS);

setInterval(() => {
  if (document.hidden) return;
  open.tick(now());
  running.tick(now());
  figures();
  // At midnight another day's lanes stand there.
  if (day !== "" && now() - Date.parse(day) > 24 * 3_600_000 && connection.connected) {
    day = "";
    seenAt = null;
    void watch();
  }
}, 1_000);
setInterval(() => {
  lanes.tick();
  moving.again();
}, 15_000);
