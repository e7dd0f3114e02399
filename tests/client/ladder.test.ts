// The ladder in the browser: what is sent on each rung, what a tile says, and when a picture counts as standing.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Movement, Sound } from "../../web/client/core/movement.ts";
import { picture, type Seen } from "../../web/client/core/picture.ts";
import type { Participant, Rung } from "../../web/client/core/protocol.ts";
import { UplinkJudge } from "../../web/client/core/uplink.ts";
import { type Encoding, layersOf, plan, RUNGS, share, single, voice } from "../../web/client/core/sending.ts";

const rids = (width: number) => layersOf("camera", width).map((layer) => layer.rid);
const active = (encodings: Encoding[]) => encodings.map((encoding) => encoding.active);
const sent = (width: number, rung: Rung, wanted: string[] | null = null) =>
  active(plan("camera", layersOf("camera", width), rung, wanted && new Set(wanted)).encodings);

test("a picture has as many layers as a browser sends of its size, the smallest first", () => {
  assert.deepEqual(rids(1280), ["q", "h", "f"]);
  assert.deepEqual(rids(640), ["h", "f"]);
  assert.deepEqual(rids(320), [""]);
  assert.deepEqual(layersOf("screen", 1920).map((layer) => [layer.rid, layer.scale]), [["", 1]]);
});

test("going down the ladder stops the larger layers, then all but single frames, then all", () => {
  assert.deepEqual(RUNGS.map((rung) => sent(1280, rung)), [
    [true, true, true], [true, true, false], [true, false, false], [true, false, false], [false, false, false],
  ]);
  assert.deepEqual(RUNGS.map((rung) => sent(640, rung)), [[true, true], [true, true], [true, false], [true, false], [false, false]]);
});

test("the rate shrinks with every rung, however many layers there are", () => {
  const kinds = [["camera", layersOf("camera", 1280)], ["camera", layersOf("camera", 640)], ["camera", [single("camera")]], ["screen", [single("screen")]]] as const;
  for (const [source, layers] of kinds) {
    const rates = RUNGS.map((rung) =>
      plan(source, layers, rung, null).encodings.filter((one) => one.active).reduce((sum, one) => sum + one.maxBitrate, 0),
    );
    assert.deepEqual(rates, [...rates].sort((one, other) => other - one));
    assert.equal(rates.at(-1), 0);
  }
});

test("stills are whole pictures, and no browser is asked for less than a frame a second", () => {
  const { encodings, stills } = plan("camera", layersOf("camera", 1280), "stills", null);
  assert.equal(stills, true);
  const still = encodings.find((encoding) => encoding.active);
  assert.deepEqual([still?.scaleResolutionDownBy, still?.maxFramerate], [1, 1]);
});

test("a single layer that is left of simulcast is the whole picture", () => {
  const [encoding] = plan("camera", [single("camera")], "hd", null).encodings;
  assert.equal(encoding?.scaleResolutionDownBy, 1);
});

test("what nobody watches is not sent; what is watched stays visible on every rung that has a picture", () => {
  assert.deepEqual(sent(1280, "hd", ["q"]), [true, false, false]);
  assert.deepEqual(sent(1280, "hd", []), [false, false, false]);
  assert.deepEqual(sent(1280, "low", ["f"]), [true, false, false], "the best that the line carries stands in");
  assert.deepEqual(active(plan("camera", [single("camera")], "hd", new Set()).encodings), [false]);
  assert.deepEqual(sent(1280, "audio", ["q"]), [false, false, false]);
});

test("a screen keeps its size and loses frames", () => {
  const [low] = plan("screen", layersOf("screen", 1920), "low", null).encodings;
  assert.deepEqual([low?.scaleResolutionDownBy, low?.active], [1, true]);
  assert.ok((low?.maxFramerate ?? 9) < 5);
});

test("the clinic's camera outlives its screen and devices; another's camera goes first", () => {
  const sources = ["camera", "screen", "device:a"];
  assert.deepEqual([...share("requester", sources, "low")], [["camera", "low"], ["screen", "stills"], ["device:a", "stills"]]);
  assert.deepEqual(share("specialist", sources, "low").get("camera"), "stills");
  assert.deepEqual(share("specialist", ["camera"], "low").get("camera"), "low");
  assert.deepEqual(new Set(share("specialist", sources, "hd").values()), new Set(["hd"]));
  assert.deepEqual(voice("hd"), { bitrate: 32_000, redundant: true });
  assert.equal(voice("stills").redundant, false, "a thin line has no room to say everything twice");
});

const person: Participant = {
  participant_id: "p", staff_id: "s", staff_name: "BS. Bảo", facility_name: "", role: "requester", present: true,
  connected: true, audio: true, video: true, audio_only: false,
};

function said(over: Partial<Seen> = {}): [cover: string | null, words: string | null] {
  const seen: Seen = {
    person, source: "camera", arrives: true, begun: true, stoodMs: 0, rung: "hd", cause: "none", soundBroken: false,
    audioOnly: false, ...over,
  };
  const { cover, chip } = picture(seen);
  return [cover, chip?.words ?? null];
}

test("a good picture says nothing, a reduced one says what and why", () => {
  assert.deepEqual(said(), [null, null]);
  assert.deepEqual(said({ rung: "stills", cause: "uplink" }), [null, "chip_uplink_stills"]);
  assert.deepEqual(said({ rung: "low", cause: "downlink" }), [null, "chip_downlink_low"]);
  assert.deepEqual(said({ rung: "low", cause: "wish" }), [null, null], "a small tile is not a weak line");
});

test("a picture that stands is never silent", () => {
  assert.deepEqual(said({ stoodMs: 1_900 }), [null, null]);
  assert.deepEqual(said({ stoodMs: 2_100 }), [null, "chip_standing"]);
  assert.deepEqual(said({ stoodMs: 2_100, cause: "uplink", rung: "low" }), [null, "chip_uplink_standing"]);
  assert.deepEqual(said({ stoodMs: 4_000, cause: "uplink", rung: "stills" }), [null, "chip_uplink_stills"], "stills stand by nature");
  assert.deepEqual(said({ stoodMs: 10_000, cause: "uplink", rung: "stills" }), [null, "chip_uplink_standing"]);
});

test("no picture is covered with the reason", () => {
  assert.equal(said({ person: { ...person, connected: false } })[0], "reconnecting");
  assert.equal(said({ person: { ...person, video: false } })[0], "camera_off");
  assert.equal(said({ person: { ...person, video: false, audio_only: true } })[0], "audio_only_them");
  assert.equal(said({ person: { ...person, video: false }, source: "screen" })[0], null, "the camera's switch is not the screen's");
  assert.equal(said({ audioOnly: true })[0], "audio_only_me");
  assert.equal(said({ rung: "audio", cause: "uplink", stoodMs: 5_000 })[0], "uplink_audio");
  assert.equal(said({ rung: "audio", cause: "downlink", begun: false })[0], "downlink_audio");
  assert.deepEqual(said({ rung: "audio", cause: "uplink", stoodMs: 1_000 }), [null, "chip_uplink_stills"], "what still comes is shown");
  assert.equal(said({ arrives: false })[0], "connecting");
  assert.equal(said({ begun: false })[0], "connecting");
});

test("sound that breaks up is said whatever the picture does", () => {
  assert.equal(said({ soundBroken: true })[1], "chip_sound_broken");
  assert.equal(said({ soundBroken: true, audioOnly: true })[1], "chip_sound_broken");
});

test("movement is judged by decoded frames, and a new connection counts from nothing", () => {
  const movement = new Movement();
  assert.equal(movement.stood(5_000), 0, "nothing is judged before the first look");
  movement.see(1_000, 0);
  assert.equal(movement.begun, false);
  movement.see(2_000, 20);
  assert.equal(movement.begun, true);
  movement.see(3_000, 20);
  movement.see(4_500, 20);
  assert.equal(movement.stood(4_500), 2_500);
  movement.see(5_000, 3);
  assert.equal(movement.stood(5_000), 0);
  movement.expect(9_000);
  assert.equal(movement.stood(9_000), 0);
});

test("one sample in eight made up is broken sound, silence is not", () => {
  const sound = new Sound();
  sound.hear({ total: 48_000, concealed: 20_000 });
  assert.equal(sound.broken, false, "the first look judges nothing");
  sound.hear({ total: 96_000, concealed: 30_000 });
  assert.equal(sound.broken, true);
  sound.hear({ total: 144_000, concealed: 30_100 });
  assert.equal(sound.broken, false);
});

/** The rungs that an uplink takes, looked at each second. */
function climb(judge: UplinkJudge, from: number, seconds: number, available: number | null): Rung[] {
  return Array.from({ length: seconds }, (_, second) => judge.judge((from + second) * 1_000, available));
}

test("a line for no picture goes to stills within three seconds, one for less to sound", () => {
  const judge = new UplinkJudge();
  assert.deepEqual(climb(judge, 0, 3, 1_500_000), ["hd", "hd", "hd"]);
  assert.deepEqual(climb(judge, 3, 3, 80_000), ["hd", "hd", "stills"]);
  assert.deepEqual(climb(judge, 6, 3, 40_000), ["stills", "stills", "audio"]);
});

test("it comes back by itself: at once when the estimate grew, otherwise by trying", () => {
  const judge = new UplinkJudge();
  climb(judge, 0, 3, 80_000);
  assert.equal(judge.rung, "stills");
  assert.equal(judge.judge(4_000, 250_000), "hd");
  const other = new UplinkJudge();
  climb(other, 0, 3, 80_000);
  const rungs = climb(other, 3, 8, 100_000);
  assert.equal(rungs.at(-1), "hd", "an estimate does not grow while little is sent");
});

test("trials that fail come more and more seldom", () => {
  const judge = new UplinkJudge();
  const rungs = climb(judge, 0, 200, 80_000);
  const trials = rungs.flatMap((rung, second) => (rung === "hd" && rungs[second - 1] === "stills" ? [second] : []));
  const pauses = trials.slice(1).map((second, place) => second - (trials[place] ?? 0));
  assert.ok(trials.length >= 4 && trials.length <= 12, String(trials));
  assert.deepEqual(pauses, [...pauses].sort((one, next) => one - next));
});

test("a browser that tells no estimate is left alone", () => {
  assert.deepEqual(new Set(climb(new UplinkJudge(), 0, 20, null)), new Set(["hd"]));
});
