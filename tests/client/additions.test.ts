// Additions that wait for the line, and values that are asked about.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Waitlist, unusual } from "../../web/client/core/additions.ts";

function store(): Map<string, string> & { getItem: (key: string) => string | null; setItem: (key: string, value: string) => void; removeItem: (key: string) => void } {
  const map = new Map<string, string>();
  return Object.assign(map, {
    getItem: (key: string) => map.get(key) ?? null,
    setItem: (key: string, value: string) => void map.set(key, value),
    removeItem: (key: string) => void map.delete(key),
  });
}

test("what waits survives a reload, in order and under its key", () => {
  const kept = store();
  const list = new Waitlist(kept, "additions");
  list.add({ key: "a", pairs: [["pulse", "92"], ["test", "Kali & natri = 5,1"]] });
  list.add({ key: "b", pairs: [["pulse", "80"]] });
  list.add({ key: "a", pairs: [["pulse", "92"], ["test", "Kali & natri = 5,1"], ["confirmed", "1"]] });
  const again = new Waitlist(kept, "additions");
  assert.deepEqual(again.all().map((one) => one.key), ["b", "a"]);
  assert.deepEqual(again.all()[1]?.pairs, [["pulse", "92"], ["test", "Kali & natri = 5,1"], ["confirmed", "1"]]);
  again.drop("b");
  again.drop("a");
  assert.deepEqual(again.all(), []);
  assert.equal(kept.size, 0, "nothing of a patient is left in the browser");
});

test("a storage that holds nonsense holds nothing", () => {
  const kept = store();
  kept.setItem("additions", "{");
  assert.deepEqual(new Waitlist(kept, "additions").all(), []);
});

test("unusual values are found with comma or point; blanks and words are not judged here", () => {
  const usual = { oxygen: [85, 100], temperature: [34, 41] } as const;
  assert.deepEqual(unusual([["oxygen", "84"], ["temperature", "36,8"]], usual), ["oxygen"]);
  assert.deepEqual(unusual([["oxygen", "85"], ["temperature", " 41.1 "], ["pulse", "999"]], usual), ["temperature"]);
  assert.deepEqual(unusual([["oxygen", ""], ["temperature", "abc"]], usual), []);
});
