// What a room's page knows, through joins, reconnects, repeats and gaps.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { ChatLine, Joined, LogEntry, Participant, Role } from "../../web/client/core/protocol.ts";
import * as room from "../../web/client/core/room_state.ts";

function entry(number: number, kind: string): LogEntry {
  return { number, at: `2026-11-23T07:02:${String(number).padStart(2, "0")}Z`, kind, actor_name: null, text: kind, data: {} };
}

function line(number: number, clientId: string): ChatLine {
  return { number, at: "2026-11-23T07:05:00Z", sender_id: "stf_a", sender_name: "BS. Hà", text: "…", client_id: clientId };
}

function person(id: string, role: Role, present = true): Participant {
  return {
    participant_id: id, staff_id: `stf_${id}`, staff_name: id, facility_name: "", role, present,
    connected: present, audio: true, video: true, audio_only: false,
  };
}

function answer(over: Partial<Joined> = {}): Joined {
  return {
    participant_id: "me", role: "specialist", state: "claimed", started_at: null,
    participants: [person("me", "specialist"), person("other", "requester")], entries: [], advice: [],
    chat: [], ...over,
  };
}

test("a join gives oneself, the people, the log and the chat", () => {
  const state = room.joined(room.EMPTY, answer({ entries: [entry(1, "requested"), entry(2, "claimed")], chat: [line(3, "a")] }));
  assert.equal(state.self, "me");
  assert.deepEqual(state.entries.map((one) => one.number), [1, 2]);
  assert.deepEqual(state.chat.map((one) => one.number), [3]);
  assert.equal(state.started_at, entry(2, "claimed").at, "the claim starts the clock when the answer does not");
  assert.equal(state.ended, false);
});

test("entries that come twice or out of order stand once and in order", () => {
  let state = room.withEntries(room.EMPTY, [entry(3, "rung"), entry(1, "requested")]);
  state = room.withEntries(state, [entry(2, "step_started"), entry(3, "rung")]);
  assert.deepEqual(state.entries.map((one) => one.number), [1, 2, 3]);
});

test("nothing new leaves the very same list, so that a page need not draw again", () => {
  const state = room.withEntries(room.EMPTY, [entry(1, "requested")]);
  assert.equal(room.withEntries(state, [entry(1, "requested")]).entries, state.entries);
});

test("after a gap only what stands before it counts as known", () => {
  const state = room.withEntries(room.EMPTY, [entry(1, "requested"), entry(2, "rung"), entry(5, "claimed")]);
  assert.equal(room.lastNumber(state), 2);
  assert.equal(room.lastNumber(room.withEntries(state, [entry(3, "rung"), entry(4, "rung")])), 5);
});

test("an own line is pending until the server has kept it, and never shows twice", () => {
  let state = room.withPending(room.withPending(room.EMPTY, { client_id: "a", text: "x" }), { client_id: "b", text: "y" });
  state = room.withChat(state, [line(7, "a")]);
  state = room.withChat(state, [line(7, "a")]);
  for (const id of ["a", "b"]) state = room.withPending(state, { client_id: id, text: "brought back by a reload" });
  assert.deepEqual(state.pending.map((one) => one.client_id), ["b"]);
  assert.equal(state.chat.length, 1);
});

for (const kind of ["ended", "closed", "cancelled"]) {
  test(`the entry ${kind} ends the room, and a later one does not open it again`, () => {
    const state = room.withEntries(room.EMPTY, [entry(4, kind)]);
    assert.equal(state.ended, true);
    assert.equal(room.withEntries(state, [entry(5, "opinion_saved")]).ended, true);
  });
}

test("coming back to a room that has ended says so", () => {
  assert.equal(room.joined(room.EMPTY, answer({ state: "ended" })).ended, true);
});

test("the other side comes first; oneself, observers and the absent have no tile", () => {
  const state = room.joined(room.EMPTY, answer({
    participants: [
      person("guest", "invited"), person("me", "specialist"), person("watcher", "observer"),
      person("gone", "invited", false), person("clinic", "requester"),
    ],
  }));
  assert.deepEqual(room.others(state).map((one) => one.participant_id), ["clinic", "guest"]);
});

test("elapsed time is written as on a clock", () => {
  assert.equal(room.elapsed(402.9), "06:42");
  assert.equal(room.elapsed(3_725), "1:02:05");
  assert.equal(room.elapsed(-5), "00:00", "a clock that runs behind shows no negative time");
});
