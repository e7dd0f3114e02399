// What was typed while offline: sealed in the browser, back after a reload, sent in order and once.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Copies, type Keys } from "../../web/client/core/copies.ts";
import { Started } from "../../web/client/core/started.ts";
import { Outbox, type Line } from "../../web/client/core/outbox.ts";

class Memory {
  readonly items = new Map<string, string>();
  get length(): number {
    return this.items.size;
  }
  key = (index: number) => [...this.items.keys()][index] ?? null;
  getItem = (key: string) => this.items.get(key) ?? null;
  setItem = (key: string, value: string) => void this.items.set(key, value);
  removeItem = (key: string) => void this.items.delete(key);
}

const key = (byte: number) => Buffer.alloc(16, byte).toString("base64");
const LAN: Keys = { owner: "aa", current: 100, keys: { "99": key(1), "100": key(2) } };
const HA: Keys = { owner: "bb", current: 100, keys: { "99": key(3), "100": key(4) } };
const say = (id: string): Line => ({ client_id: id, text: `huyết áp ${id}` });

test("a copy is read by its own person alone, and stands nowhere in plain", async () => {
  const memory = new Memory();
  const copies = await Copies.opened(memory, LAN);
  await copies.keep("request.1", "Trần Thị Diễm Xưa");
  assert.equal(await copies.kept("request.1"), "Trần Thị Diễm Xưa");
  assert.ok(![...memory.items.values()].some((value) => value.includes("Xưa") || value.includes(Buffer.from("Xưa").toString("base64"))));
  assert.equal(await (await Copies.opened(memory, HA)).kept("request.1"), null);
  const thief = await Copies.opened(memory, { ...HA, owner: "aa" });
  assert.equal(await thief.kept("request.1"), null);
});

test("a copy cannot be put in another's place, and is gone after two days", async () => {
  const memory = new Memory();
  const copies = await Copies.opened(memory, LAN);
  await copies.keep("one", "1");
  memory.setItem("hoichan.copy.aa.two", memory.getItem("hoichan.copy.aa.one") ?? "");
  assert.equal(await copies.kept("two"), null);
  const tomorrow = await Copies.opened(memory, { owner: "aa", current: 101, keys: { "100": key(2), "101": key(5) } });
  assert.equal(await tomorrow.kept("one"), "1");
  await Copies.opened(memory, { ...HA, current: 102 });
  assert.equal(memory.length, 0);
});

test("lines go out in order, none overtakes one without an answer, and each once", async () => {
  const outbox = new Outbox("con", null);
  for (const id of ["1", "2", "3"]) await outbox.add(say(id));
  const sent: string[] = [];
  let online = true;
  const send = async (line: Line) => {
    if (!online) return false;
    sent.push(line.client_id);
    online = line.client_id !== "1";
    return true;
  };
  assert.equal(await outbox.flush(send), false);
  assert.deepEqual(sent, ["1"]);
  online = true;
  assert.equal(await outbox.flush(send), true);
  assert.deepEqual(sent, ["1", "2", "3"]);
  assert.equal(await outbox.flush(send), true);
  assert.deepEqual(sent, ["1", "2", "3"]);
});

test("after a reload the same lines come back in order under their own ids, before what is typed then", async () => {
  const memory = new Memory();
  const first = new Outbox("con", await Copies.opened(memory, LAN));
  for (let number = 0; number < 12; number++) await first.add(say(String(number)));
  first.drop("3");
  const second = new Outbox("con", await Copies.opened(memory, LAN));
  await second.restore();
  await second.add(say("new"));
  assert.deepEqual(second.lines.map((line) => line.client_id), ["0", "1", "2", "4", "5", "6", "7", "8", "9", "10", "11", "new"]);
  assert.deepEqual(second.lines[0], say("0"));
  const other = new Outbox("other", await Copies.opened(memory, LAN));
  assert.deepEqual(await other.restore(), []);
  await second.flush(async () => true);
  assert.equal(memory.length, 0);
});

test("a file that began to be sent goes on where it stood, and the browser holds its name for nobody else", async () => {
  const memory = new Memory();
  const file = { name: "Trần Thị Diễm Xưa.jpg", size: 10, lastModified: 20 };
  const first = await Started.opened(await Copies.opened(memory, LAN), "con_1");
  await first.keep(file, { url: "/consults/con_1/uploads/upl_1", clientId: "c1" });
  assert.ok(!JSON.stringify([...memory.items]).includes("Xưa"));
  const again = await Started.opened(await Copies.opened(memory, LAN), "con_1");
  assert.deepEqual(again.take(file), { url: "/consults/con_1/uploads/upl_1", clientId: "c1" });
  assert.equal(again.take({ ...file, lastModified: 21 }), null);
  assert.equal((await Started.opened(await Copies.opened(memory, LAN), "con_2")).take(file), null);
  void again.keep(file, { url: "/consults/con_1/uploads/upl_1", clientId: "c1" });
  assert.equal(again.take(file), null, "this page sends it now");
  await again.drop(file);
  assert.equal(memory.length, 0);
});
