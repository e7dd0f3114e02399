// The consult room. Camera, socket, publishing and subscribing begin at once and side by side: seconds count here.

import { startAlerts } from "../alerts.ts";
import { CallError, Connection } from "../core/connection.ts";
import { clientKey, type Joined, type Participant } from "../core/protocol.ts";
import * as room from "../core/room_state.ts";
import { load, startFragments } from "../fragments.ts";
import { capture, release } from "../media/devices.ts";
import { Publisher } from "../media/publisher.ts";
import { Subscriber } from "../media/subscriber.ts";
import { Chat } from "../room/chat.ts";
import { startDialogs, startSwitch } from "../room/dialogs.ts";
import { LineWatch } from "../room/line_watch.ts";
import { startOpinion } from "../room/opinion.ts";
import { Stage } from "../room/stage.ts";
import { clock, element, icon, say } from "../words.ts";

const page = document.querySelector("#room") as HTMLElement;
const consultId = page.dataset["consultId"] ?? "";
const observes = page.dataset["role"] === "observer";
const began = performance.now();
const tabId = sessionStorage.getItem("hoichan.tab") ?? clientKey();
sessionStorage.setItem("hoichan.tab", tabId);

const find = <T extends HTMLElement>(selector: string) => document.querySelector<T>(selector);
const lineState = find("#line-state") as HTMLElement;
const lineChip = find("#line-chip") as HTMLElement;

let state = room.EMPTY;
let stream: MediaStream | null = null;
let out = false;
let lostAt: number | null = null;

const connection = new Connection(say("offline"));
startAlerts(connection, true);
startFragments();
const publisher = new Publisher(connection, consultId);
const reported = new Set<string>();

function report(participantId: string, kind: "audio" | "video"): void {
  const key = `${participantId} ${kind}`;
  if (reported.has(key)) return;
  reported.add(key);
  const afterMs = Math.round(performance.now() - began);
  page.dataset[kind === "video" ? "firstFrameMs" : "firstSoundMs"] ??= String(afterMs);
  connection
    .call("report_first_frame", { consult_id: consultId, participant_id: participantId, kind, after_ms: afterMs })
    .catch(() => reported.delete(key));
}

const stage = new Stage(find("#stage") as HTMLElement, (participantId) => report(participantId, "video"));
const subscriber = new Subscriber(connection, consultId, (incoming) => stage.incoming(incoming, state));
const chat = new Chat(find("#chat-drawer") as HTMLElement, (line) => {
  update(room.withPending(state, line));
  void flush();
});

function self(): Participant | undefined {
  return state.participants.find((person) => person.participant_id === state.self);
}

function update(next: room.RoomState): void {
  const before = state;
  state = next;
  if (before.participants !== next.participants || before.self !== next.self) showPeople();
  if (before.entries !== next.entries) showLog();
  if (before.chat !== next.chat || before.pending !== next.pending) chat.show(next, self()?.staff_id);
  if (next.ended && !before.ended) leaveEnded();
}

function showPeople(): void {
  stage.show(state);
  const count = state.participants.filter((person) => person.present).length;
  const chip = find("#people-chip");
  if (chip) chip.replaceChildren(icon("users"), say("people", { count }));
}

function showLog(): void {
  const ribbon = find("#ribbon");
  if (!ribbon) return;
  const tones: Record<string, string> = { first_frame: "ok", claimed: "ok", line_changed: "urgent", declined: "urgent" };
  ribbon.replaceChildren(
    ...state.entries
      .filter((entry) => entry.kind !== "chat")
      .map((entry) => element("li", { "data-kind": entry.kind, "data-tone": tones[entry.kind] ?? "quiet" }, element("time", { datetime: entry.at }, clock(entry.at, true)), entry.text)),
  );
  ribbon.scrollLeft = ribbon.scrollWidth;
  if (state.entries.some((entry) => entry.kind === "identity_changed" && Date.now() - Date.parse(entry.at) < 10_000)) void reloadBook();
}

let bookNumber = 0;
async function reloadBook(): Promise<void> {
  const last = state.entries.filter((entry) => entry.kind === "identity_changed").at(-1)?.number ?? 0;
  const book = find("#book");
  if (!book || last <= bookNumber) return;
  bookNumber = last;
  await load(book, `/consults/${consultId}/book`);
}

function showLine(): void {
  const seconds = lostAt === null ? 0 : Math.round((performance.now() - lostAt) / 1000);
  const text =
    lostAt !== null ? say("line_cut", { seconds }) : watch.state === "lost" ? say("line_lost") : watch.state === "weak" ? say("line_weak") : "";
  lineState.hidden = text === "";
  lineState.replaceChildren(icon(lostAt === null ? "signal-weak" : "unlink"), element("span", {}, text));
  lineChip.dataset["tone"] = text === "" ? "ok" : "urgent";
  lineChip.replaceChildren(icon(text === "" ? "signal" : "signal-weak"), say(text === "" ? "line_good" : lostAt === null ? "line_weak_short" : "line_cut_short"));
}

const watch = new LineWatch(
  connection,
  consultId,
  subscriber,
  () => room.others(state).some((person) => person.video && person.connected),
  (mids) => stage.heard(mids).forEach((participantId) => report(participantId, "audio")),
  showLine,
);

let entered = false;
let flushing = false;
async function flush(): Promise<void> {
  if (flushing || !entered) return;
  flushing = true;
  for (const line of state.pending) {
    try {
      await connection.call("send_chat", { consult_id: consultId, text: line.text, client_id: line.client_id });
    } catch (error) {
      // A line that was refused stays on the page as not sent, so that nothing that was written is lost.
      if (error instanceof CallError && error.code !== "offline") stop(error.message, false);
      else setTimeout(() => void flush(), 2_000); // the line is kept and goes again
    }
  }
  flushing = false;
}

/** Say in words why this page is out of the room, and how to come back. */
function stop(message: string, final = true): void {
  const notice = find("#room-notice") as HTMLElement;
  notice.hidden = false;
  notice.replaceChildren(icon("alert"), element("p", {}, message));
  if (!final) {
    setTimeout(() => (notice.hidden = true), 8_000);
    return;
  }
  out = true;
  publisher.close();
  subscriber.close();
  release(stream);
  const back = element("button", { class: "button", type: "button", id: "come-back" }, say("come_back"));
  back.addEventListener("click", () => location.reload());
  notice.append(back);
}

const camera = observes ? Promise.resolve(null) : capture();
camera.then(
  (captured) => {
    stream = captured;
    if (captured) {
      stage.self.own(captured);
      stage.self.cover(captured.getVideoTracks().length ? null : "camera_off");
    }
  },
  (error: unknown) => {
    const denied = error instanceof DOMException && error.name === "NotAllowedError";
    stop(say(denied ? "camera_denied" : "camera_missing"), false);
  },
);

const enabled = (kind: "audio" | "video") => (stream?.getTracks() ?? []).some((track) => track.kind === kind && track.enabled);

let publishing: Promise<void> | null = null;
async function enter(): Promise<void> {
  if (out) return;
  try {
    const again = state.self !== null;
    const answer = await connection.call<Joined>("join_room", {
      consult_id: consultId,
      tab_id: tabId,
      after: room.lastNumber(state),
      audio: again ? enabled("audio") : !observes,
      video: again ? enabled("video") : !observes,
    });
    update(room.joined(state, answer));
    entered = true;
    page.dataset["state"] = "joined";
    lostAt = null;
    showLine();
    const watching = subscriber.restart();
    if (!observes) {
      publishing = camera
        .then(async (captured) => {
          if (!captured) return;
          await publisher.start(captured);
          if (captured.getTracks().length < 2) tellMedia();
        })
        .catch((error: unknown) => {
          if (error instanceof CallError) stop(error.message, false);
          tellMedia();
        });
    }
    void flush();
    await Promise.all([watching, publishing]);
  } catch (error) {
    if (error instanceof CallError && error.code !== "offline" && !error.code.startsWith("media.") && !error.code.endsWith("unavailable")) {
      if (state.ended || error.code === "consult.ended" || error.code === "consult.closed") location.assign(`/consults/${consultId}`);
      else stop(error.message);
    } else if (connection.connected) {
      stop(error instanceof Error ? error.message : "", false);
      setTimeout(() => void enter(), 1_500);
    }
  }
}

connection.onConnect(() => void enter());
connection.onDisconnect(() => {
  entered = false;
  lostAt = performance.now();
});
connection.on("log", (message) => message.consult_id === consultId && update(room.withEntries(state, message.entries)));
connection.on("chat", (message) => message.consult_id === consultId && update(room.withChat(state, [message])));
connection.on("room", (message) => message.consult_id === consultId && update(room.withParticipants(state, message.participants)));
connection.on("media_lost", (message) => {
  if (message.consult_id !== consultId || out) return;
  void subscriber.restart().catch(() => undefined);
  if (!observes) void publisher.restart().catch(() => undefined);
});
connection.on("taken_over", (message) => message.consult_id === consultId && stop(say("taken_over")));

function tellMedia(): void {
  connection.call("set_media", { consult_id: consultId, audio: enabled("audio"), video: enabled("video") }).catch(() => undefined);
}

function toggle(button: HTMLElement | null, kind: "audio" | "video"): void {
  button?.addEventListener("click", () => {
    const tracks = (stream?.getTracks() ?? []).filter((track) => track.kind === kind);
    const on = !tracks.some((track) => track.enabled);
    for (const track of tracks) track.enabled = on;
    button.setAttribute("aria-pressed", String(!on));
    const word = button.querySelector("span");
    if (word) word.textContent = say(`${kind}_${on ? "off" : "on"}`);
    if (kind === "video") stage.self.cover(on && tracks.length > 0 ? null : "camera_off");
    tellMedia();
  });
}
toggle(find("#mute"), "audio");
toggle(find("#camera"), "video");

function leaveEnded(): void {
  out = true;
  publisher.close();
  subscriber.close();
  release(stream);
  location.assign(page.dataset["role"] === "specialist" ? `/consults/${consultId}/opinion` : `/consults/${consultId}`);
}

find("#leave-room")?.addEventListener("click", async () => {
  out = true;
  await connection.call("leave_room", { consult_id: consultId }).catch(() => undefined);
  location.assign(`/consults/${consultId}`);
});

startDialogs(connection, consultId, (message) => stop(message, false));
startSwitch(page);

const opinion = find<HTMLFormElement>("#room-opinion");
if (opinion) startOpinion(opinion);

const timer = find("#elapsed");
setInterval(() => {
  if (timer && state.started_at) timer.textContent = room.elapsed((Date.now() - Date.parse(state.started_at)) / 1000);
  if (lostAt !== null) showLine();
}, 1_000);
