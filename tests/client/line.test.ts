// One's own line: what is said of it, when a connection is helped, how high pictures are shown, where tiles stand.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Heights } from "../../web/client/core/heights.ts";
import { grid, main, places, sourceName } from "../../web/client/core/layout.ts";
import { OwnLine } from "../../web/client/core/own_line.ts";
import type { Participant, TrackInfo } from "../../web/client/core/protocol.ts";
import { Recovery } from "../../web/client/core/recovery.ts";

const good = { judged: "good", uplink: "hd", audioOnly: false } as const;

test("reconnected is said only after media was decoded again", () => {
  const line = new OwnLine();
  line.cut(1_000);
  assert.deepEqual(line.say({ at: 5_000, ...good }).words, "line_cut");
  assert.equal(line.say({ at: 5_000, ...good }).seconds, 4);
  line.decoded(5_500);
  line.joined(6_000);
  assert.equal(line.say({ at: 6_500, ...good }).words, "line_returning", "what was decoded before the return does not count");
  line.decoded(7_000);
  assert.equal(line.say({ at: 7_100, ...good }).words, "line_back");
  const weak = line.say({ at: 7_200, ...good, uplink: "low" });
  assert.deepEqual([weak.words, weak.short], ["line_back", "line_weak_short"], "also when it came back weak");
  assert.equal(line.say({ at: 12_000, ...good, uplink: "low" }).words, "own_uplink_low");
  assert.equal(line.say({ at: 12_000, ...good }).words, "");
});

test("a second cut counts from the first as long as nothing was decoded between", () => {
  const line = new OwnLine();
  line.cut(1_000);
  line.joined(2_000);
  line.cut(3_000);
  assert.equal(line.say({ at: 4_000, ...good }).seconds, 3);
  line.decoded(4_500);
  assert.equal(line.isCut, true);
});

test("the own uplink, a weak line and a choice are said in their order", () => {
  const line = new OwnLine();
  assert.equal(line.say({ at: 0, ...good, judged: "weak", uplink: "stills" }).words, "own_uplink_stills");
  assert.equal(line.say({ at: 0, ...good, judged: "lost", uplink: "stills" }).words, "line_lost");
  assert.equal(line.say({ at: 0, ...good, judged: "weak" }).words, "line_weak");
  assert.equal(line.say({ at: 0, ...good, audioOnly: true }).short, "line_audio_only");
  assert.equal(line.say({ at: 0, ...good }).short, "line_good");
});

test("a cut path is restarted, then built anew, ever more slowly, until media flows", () => {
  const recovery = new Recovery();
  assert.equal(recovery.next(500), "none");
  recovery.broken(1_000);
  assert.equal(recovery.next(1_000), "restart");
  assert.equal(recovery.next(4_000), "none");
  const rebuilt: number[] = [];
  for (let at = 5_000; at < 60_000; at += 1_000) if (recovery.next(at) === "rebuild") rebuilt.push(at);
  assert.deepEqual(rebuilt, [5_000, 9_000, 17_000, 32_000, 47_000]);
  recovery.flows(60_000);
  assert.equal(recovery.well, true);
  assert.equal(recovery.next(99_000), "none");
});

test("another network is no reason to touch what goes on flowing", () => {
  const recovery = new Recovery();
  recovery.suspect(1_000);
  assert.equal(recovery.next(2_000), "none");
  recovery.flows(2_100);
  assert.equal(recovery.next(3_000), "none");
  recovery.suspect(5_000);
  assert.equal(recovery.next(6_500), "restart");
});

test("heights are told once, in coarse steps, and again to a new subscription", () => {
  const heights = new Heights();
  assert.deepEqual(heights.changes(new Map([["a", 471], ["b", 0]])), { a: 480, b: 0 });
  assert.equal(heights.changes(new Map([["a", 468], ["b", 0]])), null);
  assert.deepEqual(heights.changes(new Map([["a", 99_999]])), { a: 4320 });
  heights.renew();
  assert.deepEqual(heights.changes(new Map([["a", 99_999]])), { a: 4320 });
  heights.forget(["a"]);
  assert.deepEqual(heights.changes(new Map([["a", 99_999]])), { a: 4320 });
});

test("no more heights go out at once than one event holds", () => {
  const many = new Map(Array.from({ length: 70 }, (_, number) => [`t${number}`, 100]));
  const heights = new Heights();
  assert.equal(Object.keys(heights.changes(many) ?? {}).length, 64);
  assert.equal(Object.keys(heights.changes(many) ?? {}).length, 6);
});

function someone(id: string): Participant {
  return {
    participant_id: id, staff_id: id, staff_name: id, facility_name: "", role: "invited", present: true, connected: true,
    audio: true, video: true, audio_only: false,
  };
}

const track = (participant_id: string, source: string, kind = "video"): TrackInfo => ({
  mid: null, track_id: `${participant_id}-${source}-${kind}`, participant_id, kind, source,
});

test("one tile a person and one for each further picture, each sound with its own", () => {
  const found = places([someone("a"), someone("b")], [
    track("a", "microphone", "audio"), track("a", "camera"), track("a", "screen"), track("b", "device:Máy siêu âm"),
    track("b", "device:Máy siêu âm", "audio"), track("box", "ultrasound"), track("b", "doorbell", "audio"),
  ]);
  assert.deepEqual(found.map((place) => [place.key, place.tracks.length]), [
    ["a", 2], ["b", 1], ["a/screen", 1], ["b/device:Máy siêu âm", 2], ["box/ultrasound", 1],
  ]);
  assert.equal(found.at(-1)?.person, null, "a device may send that is nobody's");
});

test("a shared screen is large unless something else was pinned", () => {
  const found = places([someone("a"), someone("b")], [track("b", "screen")]);
  assert.equal(main(found, null), "b/screen");
  assert.equal(main(found, "a"), "a");
  assert.equal(main(found, "gone"), "b/screen");
  assert.equal(main(places([someone("a")], []), null), "a");
  assert.equal(main([], null), null);
});

test("small tiles fit beside the large one, up to a full room with devices", () => {
  for (let count = 1; count <= 15; count += 1) {
    const { columns, rows } = grid(count);
    assert.ok(columns * rows >= count && rows <= 5, String(count));
  }
});

test("a device is called as it was named", () => {
  assert.equal(sourceName("device:Máy siêu âm", "Màn hình"), "Máy siêu âm");
  assert.equal(sourceName("screen", "Màn hình"), "Màn hình");
  assert.equal(sourceName("main_scope", "Màn hình"), "main scope");
});
