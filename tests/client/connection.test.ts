// The connection against a real Socket.IO server: answers, refusals, events, and coming back after a break.

import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { CallError, Connection } from "../../web/client/core/connection.ts";

let server: ChildProcess;
let address = "";
/** The same server where no WebSocket passes. */
let narrow = "";

before(async () => {
  server = spawn(process.env["PYTHON"] ?? ".venv/bin/python", ["-m", "tests.client.answering_server"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const [ports] = (await once(server.stdout!, "data")) as [Buffer];
  [address, narrow] = ports.toString().trim().split(" ").map((port) => `http://127.0.0.1:${port}`) as [string, string];
});

after(() => {
  server.stdin?.end();
});

async function connected(work: (connection: Connection) => Promise<void>, at = address): Promise<void> {
  const connection = new Connection("no answer", at);
  try {
    await work(connection);
  } finally {
    connection.close();
  }
}

test("a call gives what the server answered", () =>
  connected(async (connection) => {
    const answer = await connection.call<{ room_url: string }>("accept_offer", { consult_id: "con_1" });
    assert.equal(answer.room_url, "/consults/con_1/room");
    assert.equal(connection.connected, true);
  }));

test("a refusal is an error with the server's own code and sentence", () =>
  connected(async (connection) => {
    await assert.rejects(connection.call("accept_offer", { consult_id: "taken" }), (error: unknown) => {
      assert.ok(error instanceof CallError);
      assert.equal(error.code, "consult.already_claimed");
      assert.equal(error.message, "BS. Hà đã nhận ca");
      return true;
    });
  }));

test("where no WebSocket passes it goes on by long polling", () =>
  connected(async (connection) => {
    const answer = await connection.call<{ room_url: string }>("accept_offer", { consult_id: "con_1" });
    assert.equal(answer.room_url, "/consults/con_1/room");
  }, narrow));

test("what the server sends reaches its handler", () =>
  connected(async (connection) => {
    const heard = new Promise<string>((resolve) => connection.on("log", (message) => resolve(message.consult_id)));
    await connection.call("watch_consult", { consult_id: "con_2", after: 0 });
    assert.equal(await heard, "con_2");
  }));

test("after a break it connects by itself and says so again", () =>
  connected(async (connection) => {
    let times = 0;
    let again: () => void = () => undefined;
    const twice = new Promise<void>((resolve) => (again = resolve));
    const broke = new Promise<void>((resolve) => connection.onDisconnect(resolve));
    connection.onConnect(() => {
      times += 1;
      if (times === 2) again();
    });
    connection.call("drop_me", {}).catch(() => undefined);
    await broke;
    await twice;
    const answer = await connection.call<{ room_url: string }>("accept_offer", { consult_id: "con_3" });
    assert.equal(answer.room_url, "/consults/con_3/room");
  }));
