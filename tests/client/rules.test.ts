// The small rules of the pages: countdown, draft, queue, keys, and the judge of the line.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Countdown } from "../../web/client/core/countdown.ts";
import { Doubt } from "../../web/client/core/doubt.ts";
import { Draft, draftIn, draftOf } from "../../web/client/core/draft.ts";
import { LineJudge, type Sample } from "../../web/client/core/line.ts";
import { claimNow, heldNow } from "../../web/client/core/holding.ts";
import { clientKey, type LogEntry } from "../../web/client/core/protocol.ts";
import { Queue } from "../../web/client/core/queue.ts";

test("a countdown follows the server's clock, not one's own", () => {
  const wrong = Date.parse("2020-01-01T00:00:00Z");
  const countdown = new Countdown("2026-11-23T07:02:40Z", "2026-11-23T07:02:22Z", wrong);
  assert.equal(countdown.left(wrong), 18);
  assert.equal(countdown.left(wrong + 17_001), 1);
  assert.equal(countdown.left(wrong + 60_000), 0);
});

function store(): Storage {
  const kept = new Map<string, string>();
  return {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  } as unknown as Storage;
}

test("a draft keeps what was typed and the sealed proof of a patient, and never keys", () => {
  const memory = store();
  const draft = new Draft(memory, "draft");
  draft.keep([["situation", "Đau ngực"], ["csrf", "secret"], ["patient", "proof"], ["idempotency_key", "k"], ["background", ""]]);
  assert.deepEqual(new Draft(memory, "draft").kept(), [["situation", "Đau ngực"], ["patient", "proof"]]);
  draft.drop();
  assert.deepEqual(draft.kept(), []);
});

test("a broken draft is no draft", () => {
  for (const text of ["{", "null", '"x"', null]) assert.deepEqual(draftIn(text), []);
  assert.deepEqual(draftOf([["draft", "d"], ["a", ""], ["b", "c"]]), [["b", "c"]]);
  const memory = store();
  for (const text of ["{", "null", '"text"', "{}"]) {
    memory.setItem("draft", text);
    assert.deepEqual(new Draft(memory, "draft").kept(), []);
  }
});

test("work runs one after the other, also past a failure", async () => {
  const queue = new Queue();
  const order: string[] = [];
  let release: () => void = () => undefined;
  const first = queue.run(async () => {
    await new Promise<void>((resolve) => (release = resolve));
    order.push("first");
    throw new Error("no");
  });
  const second = queue.run(async () => void order.push("second"));
  await Promise.resolve();
  assert.deepEqual(order, []);
  release();
  await assert.rejects(first, /no/);
  await second;
  assert.deepEqual(order, ["first", "second"]);
});

test("keys fit the protocol and do not repeat", () => {
  const keys = Array.from({ length: 200 }, clientKey);
  assert.equal(new Set(keys).size, 200);
  for (const key of keys) assert.match(key, /^[A-Za-z0-9_-]{8,64}$/);
});

function sample(at: number, over: Partial<Sample> = {}): Sample {
  return { at, packets: at / 10, lost: 0, frames: at / 40, audio: at / 20, expectsVideo: true, ...over };
}

test("packets, frames and sound make a good line", () => {
  const judge = new LineJudge();
  for (let at = 0; at <= 10_000; at += 1_000) assert.equal(judge.judge(sample(at)), "good");
});

test("one packet in eight lost makes a weak line", () => {
  const judge = new LineJudge();
  judge.judge(sample(0));
  assert.equal(judge.judge(sample(1_000, { packets: 87, lost: 13 })), "weak");
  assert.equal(judge.judge(sample(2_000, { packets: 187, lost: 13 })), "good");
});

test("a picture that stands still while sound arrives is weak after three seconds", () => {
  const judge = new LineJudge();
  const words = [0, 1, 2, 3].map((second) => judge.judge(sample(second * 1_000, { frames: 10 })));
  assert.deepEqual(words, ["good", "good", "good", "weak"]);
});

test("a camera that is off is no standing picture", () => {
  const judge = new LineJudge();
  for (let at = 0; at <= 6_000; at += 1_000) assert.equal(judge.judge(sample(at, { frames: 10, expectsVideo: false })), "good");
});

test("neither picture nor sound is lost, and comes back as good", () => {
  const judge = new LineJudge();
  const frozen = { packets: 100, frames: 10, audio: 20 };
  const words = [0, 1, 2, 3].map((second) => judge.judge(sample(second * 1_000, frozen)));
  assert.equal(words.at(-1), "lost");
  assert.equal(judge.judge(sample(4_000)), "good");
});

test("a connection built anew counts from nothing and is not judged by the old one", () => {
  const judge = new LineJudge();
  judge.judge(sample(60_000));
  assert.equal(judge.judge(sample(61_000, { packets: 1, frames: 0, audio: 0 })), "good");
});

test("a claim holds until it is lost; a case taken in writing after that is held again", () => {
  const log = (...kinds: string[]) => kinds.map((kind, at): LogEntry => ({ number: at + 1, at: "", kind, actor_name: null, text: "", data: {} }));
  assert.equal(heldNow(log("requested", "claimed")), true);
  assert.equal(heldNow(log("requested", "claimed", "claim_lost")), false);
  assert.equal(claimNow(log("requested", "claimed", "claim_lost")), null);
  assert.equal(heldNow(log("requested", "claimed", "claim_lost", "written", "taken", "raised")), true);
  assert.equal(claimNow(log("requested", "claimed", "claim_lost", "claimed"))?.number, 4);
});

test("of the rings on a line that comes back those are over that the server does not say again", () => {
  const doubt = new Doubt();
  doubt.cast(["rings-on", "stopped", "claimed-meanwhile"]);
  doubt.lift("rings-on");
  doubt.lift("stopped");
  doubt.lift("new");
  assert.deepEqual(doubt.taken(), ["claimed-meanwhile"]);
  assert.deepEqual(doubt.taken(), []);
});
