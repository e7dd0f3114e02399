// The consult room. Camera, socket, publishing and subscribing begin at once and side by side: seconds count here.

import { startAlerts } from "../alerts.ts";
import { startBook, startDrawer } from "../book.ts";
import { CallError, Connection } from "../core/connection.ts";
import { OwnLine } from "../core/own_line.ts";
import { clientKey, type Joined, type Participant, type Role } from "../core/protocol.ts";
import * as room from "../core/room_state.ts";
import { startFragments } from "../fragments.ts";
import { Publisher } from "../media/publisher.ts";
import { Subscriber } from "../media/subscriber.ts";
import { AdviceDesk } from "../room/advice.ts";
import { Chat } from "../room/chat.ts";
import { startDialogs, startMenu, startSwitch } from "../room/dialogs.ts";
import { Holding, startHandover, type Leaving } from "../room/handover.ts";
import { LineWatch } from "../room/line_watch.ts";
import { LiveBook } from "../room/live_book.ts";
import { OpinionDesk } from "../room/opinion.ts";
import { OwnLines } from "../room/own_lines.ts";
import { OwnMedia } from "../room/own_media.ts";
import { showRibbon } from "../room/ribbon.ts";
import { Sources } from "../room/sources.ts";
import { Stage } from "../room/stage.ts";
import { Viewing } from "../room/viewing.ts";
import { DrawingBoard } from "../thread/drawing_board.ts";
import { entriesAfter } from "../thread/entries.ts";
import { Files } from "../thread/files.ts";
import { element, icon, say } from "../words.ts";

/** After that long without a socket the server may have given up the media: it is built anew at once. */
const LONG_AWAY_MS = 12_000;

const page = document.querySelector("#room") as HTMLElement;
const consultId = page.dataset["consultId"] ?? "";
const role = (page.dataset["role"] ?? "observer") as Role;
const observes = role === "observer";
const began = performance.now();
const tabId = sessionStorage.getItem("hoichan.tab") ?? clientKey();
sessionStorage.setItem("hoichan.tab", tabId);

const find = <T extends HTMLElement>(selector: string) => document.querySelector<T>(selector);
const lineState = find("#line-state") as HTMLElement;
const lineChip = find("#line-chip") as HTMLElement;

const book = find("#book");
const opinion = find("#opinion-drawer");
const advicePair = find("#advice-pair");
const advice = advicePair?.querySelector("#advice-list") ? new AdviceDesk(advicePair, consultId) : null;
const desk = opinion && new OpinionDesk(opinion, consultId);
const liveBook = book && new LiveBook(book, consultId, () => void desk?.turn());
let state = room.EMPTY;
let out = false;
let awaySince: number | null = null;

const connection = new Connection(say("offline"));
startAlerts(connection, true);
startFragments();
const line = new OwnLine();
const publisher = new Publisher(connection, consultId, role);
const reported = new Set<string>();

function report(participantId: string, kind: "audio" | "video" | "screen"): void {
  const key = `${participantId} ${kind}`;
  if (reported.has(key)) return;
  reported.add(key);
  const afterMs = Math.round(performance.now() - began);
  page.dataset[kind === "audio" ? "firstSoundMs" : "firstFrameMs"] ??= String(afterMs);
  connection
    .call("report_first_frame", { consult_id: consultId, participant_id: participantId, kind, after_ms: afterMs })
    .catch(() => reported.delete(key));
}

const stage = new Stage(find("#stage") as HTMLElement, report);
const subscriber = new Subscriber(connection, consultId, (incoming) => stage.incoming(incoming, state));
const viewing = new Viewing(connection, consultId, stage, find("#stage") as HTMLElement);
subscriber.beforeAnswer = (_tracks, fresh) => {
  if (fresh) stage.renew();
  viewing.now(fresh);
};
const sources = new Sources(publisher, stage, (message) => stop(message, false));
const own = new OwnMedia(stage.self, publisher, sources, observes, (message) => stop(message, false));
stage.audioOnly(own.audioOnly);
const ownLines = new OwnLines(
  connection,
  consultId,
  (message) => stop(message, false),
  (lines) => lines.forEach((message) => update(room.withPending(state, message))),
);
const chat = new Chat(find("#chat-drawer") as HTMLElement, (message) => {
  update(room.withPending(state, message));
  ownLines.add(message);
});

const drawing = new DrawingBoard(consultId, find("#chat-list") as HTMLElement, observes ? null : {
  draw: (attachmentId, stroke) => connection.call("draw", { consult_id: consultId, attachment_id: attachmentId, ...stroke }),
  undo: (attachmentId, number) => connection.call("undo_stroke", { consult_id: consultId, attachment_id: attachmentId, number }),
});

function self(): Participant | undefined {
  return state.participants.find((person) => person.participant_id === state.self);
}

function update(next: room.RoomState): void {
  const before = state;
  state = next;
  if (before.participants !== next.participants || before.self !== next.self) showPeople();
  if (before.entries !== next.entries) showLog();
  if (attached(next) > attached(before)) void showFiles();
  if (before.chat !== next.chat || before.pending !== next.pending) chat.show(next, self()?.staff_id);
  if (next.ended && !before.ended) leaveEnded();
  if (next.written && !before.written) leaveWritten();
}

function showPeople(): void {
  stage.show(state);
  const count = state.participants.filter((person) => person.present).length;
  find("#people-chip")?.replaceChildren(icon("users"), say("people", { count }));
}

const leaving: Leaving = {
  note: (message) => stop(message, false),
  stop(message) {
    void connection.call("leave_room", { consult_id: consultId }).catch(() => undefined);
    stop(message);
  },
  go(address) {
    hangUp();
    location.assign(address);
  },
};
const holding = new Holding(role, consultId, Number(page.dataset["logNumber"] ?? 0), leaving);

function showLog(): void {
  if (!out) holding.follow(state.entries);
  const ribbon = find("#ribbon");
  if (ribbon) showRibbon(ribbon, state.entries);
  liveBook?.follow(state.entries, Number(page.dataset["logNumber"] ?? 0));
}

let lineSaid = "";
function showLine(): void {
  const said = line.say({ at: performance.now(), judged: watch.state, uplink: publisher.rung, audioOnly: own.audioOnly });
  const key = JSON.stringify(said);
  if (key === lineSaid) return;
  lineSaid = key;
  lineState.hidden = said.words === "";
  lineState.dataset["tone"] = said.tone;
  lineState.replaceChildren(icon(line.isCut ? "unlink" : said.tone === "ok" ? "signal" : "signal-weak"), element("span", {}, said.words && say(said.words, { seconds: said.seconds })));
  lineChip.dataset["tone"] = said.tone;
  lineChip.replaceChildren(icon(said.tone === "urgent" ? "signal-weak" : "signal"), say(said.short));
}

const watch = new LineWatch(connection, consultId, publisher, subscriber, stage, line);
watch.expectsMedia = () => subscriber.tracks.some((track) => room.others(state).some((person) => person.participant_id === track.participant_id && person.connected));
watch.onHeard = (mids) => stage.heard(mids).forEach((participantId) => report(participantId, "audio"));
watch.onLook = showLine;
watch.start();

/** End all media of this page. */
function hangUp(): void {
  out = true;
  publisher.close();
  subscriber.close();
  sources.close();
  own.close();
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
  hangUp();
  const back = element("button", { class: "button", type: "button", id: "come-back" }, say("come_back"));
  back.addEventListener("click", () => location.reload());
  notice.append(back);
}

async function publish(): Promise<void> {
  try {
    await own.captured;
    await publisher.start(own.tracks);
    if (!own.has("audio") || !own.has("video")) tellMedia();
  } catch (error) {
    if (error instanceof CallError) stop(error.message, false);
    else console.error(error); // what no server said is a fault of this page
    publisher.again();
    tellMedia();
  }
}

async function enter(): Promise<void> {
  if (out) return;
  try {
    const again = state.self !== null;
    const answer = await connection.call<Joined>("join_room", {
      consult_id: consultId,
      tab_id: tabId,
      after: room.lastNumber(state),
      audio: again ? own.has("audio") : !observes,
      video: again ? own.has("video") : !observes && !own.audioOnly,
      audio_only: own.audioOnly,
    });
    publisher.iceServers = subscriber.iceServers = answer.ice_servers ?? [];
    const long = awaySince !== null && performance.now() - awaySince > LONG_AWAY_MS;
    awaySince = null;
    update(room.joined(state, answer));
    // What came while the line was cut; the page itself brought what there was before.
    if (again) void drawing.look();
    if (again && answer.advice.length > 0) void advice?.look();
    ownLines.open = true;
    page.dataset["state"] = "joined";
    line.joined(performance.now());
    showLine();
    await (again && !long ? resume() : Promise.all([subscriber.rebuild(), observes ? null : publish()]));
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

/** Back after a short break of the socket: what still flows goes on, and what does not is helped within seconds. */
async function resume(): Promise<void> {
  const at = performance.now();
  publisher.recovery.suspect(at);
  subscriber.recovery.suspect(at);
  await subscriber.restartIce();
  if (!observes) await (publisher.sending ? publisher.restartIce() : publish());
}

connection.onConnect(() => void enter());
connection.onDisconnect(() => {
  ownLines.open = false;
  awaySince = performance.now();
  line.cut(awaySince);
});
const here = <T extends { consult_id: string }>(work: (message: T) => void) => (message: T) => {
  if (message.consult_id === consultId && !out) work(message);
};
connection.on("log", here((message) => update(room.withEntries(state, message.entries))));
connection.on("chat", here((message) => update(room.withChat(state, [message]))));
connection.on("advice", here(() => void advice?.look()));
connection.on("strokes", here((message) => drawing.take(message.strokes)));
connection.on("room", here((message) => update(room.withParticipants(state, message.participants))));
connection.on("quality", here((message) => stage.quality(message)));
connection.on("speakers", here((message) => stage.speaking(message.participant_ids, state.self)));
connection.on("layers", here((message) => publisher.layers(message.mid, message.rids)));
connection.on("uplink", here((message) => {
  publisher.uplink(message.rung);
  showLine();
}));
connection.on("media_lost", here(() => {
  line.cut(performance.now());
  line.joined(performance.now());
  subscriber.rebuild().catch(() => subscriber.again());
  if (!observes) publisher.rebuild().catch(() => publisher.again());
}));
connection.on("taken_over", here(() => stop(say("taken_over"))));

function tellMedia(): void {
  connection
    .call("set_media", { consult_id: consultId, audio: own.has("audio"), video: own.has("video"), audio_only: own.audioOnly })
    .catch(() => undefined);
}

own.onChange = () => {
  stage.audioOnly(own.audioOnly);
  viewing.now();
  showLine();
  tellMedia();
};

const attached = (known: room.RoomState) => known.entries.filter((entry) => entry.kind === "attached").length;

/** Pictures and voice clips come by plain HTTP: they need no media, and no socket either. */
async function showFiles(): Promise<void> {
  const thread = await entriesAfter(consultId, 0);
  if (thread === null) return;
  chat.attach(consultId, thread.entries, thread.self);
  chat.show(state, self()?.staff_id);
}

const sender = find("#sender");
if (sender) new Files(consultId, sender, () => void showFiles());

/** It goes on in writing: the thread is on the consult's page. */
function leaveWritten(): void {
  hangUp();
  location.assign(`/consults/${consultId}`);
}

function leaveEnded(): void {
  hangUp();
  location.assign(role === "specialist" ? `/consults/${consultId}/opinion` : `/consults/${consultId}`);
}

find("#leave-room")?.addEventListener("click", async () => {
  out = true;
  await connection.call("leave_room", { consult_id: consultId }).catch(() => undefined);
  location.assign(`/consults/${consultId}`);
});

startDialogs(connection, consultId, (message) => stop(message, false));
startHandover(connection, consultId, leaving);
startMenu();
startSwitch(page);
const handle = find("#book-handle");
if (book && handle) {
  startBook(book);
  startDrawer(page, handle, book, find("#stage") as HTMLElement);
}

const timer = find("#elapsed");
setInterval(() => {
  if (timer && state.started_at) timer.textContent = room.elapsed((Date.now() - Date.parse(state.started_at)) / 1000);
  if (line.isCut) showLine();
}, 1_000);
