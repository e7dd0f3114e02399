// The verifier of signatures, against payloads and lists made here by Node's own Ed25519 from docs/signatures.md.
import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { test } from "node:test";
import { payloadIn, readList, verify, type Key, type TrustList } from "../../web/client/core/signatures.ts";

const sha = (bytes: Buffer | string) => createHash("sha256").update(bytes).digest("hex");
const AT = 1795419000;

class Holder {
  readonly #private: KeyObject;
  readonly raw: Buffer;
  readonly id: string;
  constructor() {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    this.#private = privateKey;
    this.raw = publicKey.export({ format: "der", type: "spki" }).subarray(-32);
    this.id = sha(this.raw).slice(0, 32);
  }
  sign(text: string): Buffer {
    return sign(null, Buffer.from(text), this.#private);
  }
  stamp(digest: string, as: string, of: number, named = this.id): string {
    const value = this.sign(`{"as":"${as}","at":${AT},"document":"${digest}","format":"hoichan-signature/1","key":"${named}","of":${of}}`);
    const head = Buffer.alloc(6);
    head[0] = ["chair", "secretary", "member", "author"].indexOf(as);
    head.writeUIntBE(AT, 1, 5);
    return Buffer.concat([head, Buffer.from(named, "hex"), value]).toString("base64url");
  }
  key(revoked: string | null = null, reason: Key["reason"] = null): Key {
    return { id: this.id, public: this.raw.toString("base64url"), from: "2026-01-01T00:00:00Z", revoked, reason };
  }
}

const [chair, secretary, forger] = [new Holder(), new Holder(), new Holder()];
const document = '{"conclusion":"Chuyển ngay.","consult":"HC-2611-0412","version":4}';
const digest = sha(document);
const code = (...stamps: string[]) => ["HCM1", Buffer.from(digest, "hex").toString("base64url"), "2", ...stamps].join(".");
const payload = code(chair.stamp(digest, "chair", 2), secretary.stamp(digest, "secretary", 2));
const file = JSON.stringify({ document, format: "hoichan-signed/1", payload });
const trust = (...keys: Key[]): TrustList => ({ format: "hoichan-trust/1", version: 1, issued: "2026-11-23T00:00:00Z", keys });
const both = trust(chair.key(), secretary.key());

test("what was signed is valid, as a code, in a PDF's text and as a file", async () => {
  const lines = `Biên bản\n${payload.slice(0, 90)}\n${payload.slice(90)}\nTrang 1/1`;
  for (const text of [payload, lines, file]) assert.equal((await verify(text, both))?.standing, "valid");
  assert.equal((await verify(file, both))?.document?.["consult"], "HC-2611-0412");
});

test("an unknown key cannot be verified, and a forger's signature under a known name is altered", async () => {
  assert.equal((await verify(payload, trust(chair.key())))?.standing, "unknown");
  assert.equal((await verify(code(forger.stamp(digest, "chair", 2)), both))?.standing, "unknown");
  assert.equal((await verify(code(forger.stamp(digest, "chair", 2, chair.id)), both))?.standing, "altered");
  const posed = { ...forger.key(), id: chair.id };
  assert.equal((await verify(code(forger.stamp(digest, "chair", 2, chair.id)), trust(posed)))?.standing, "unknown");
});

test("a compromised key counts no more, a retired one until it was", async () => {
  const standing = async (revoked: string, reason: Key["reason"]) => (await verify(payload, trust(chair.key(revoked, reason), secretary.key())))?.standing;
  assert.equal(await standing("2030-01-01T00:00:00Z", "compromised"), "revoked");
  assert.equal(await standing("2030-01-01T00:00:00Z", "retired"), "valid");
  assert.equal(await standing("2026-02-01T00:00:00Z", "retired"), "revoked");
});

test("every changed byte is found", async () => {
  for (const whole of [payload, file]) {
    for (let place = 0; place < whole.length; place += 1) {
      for (const mark of ["A", "b", "-", "."].filter((one) => one !== whole[place])) {
        const changed = whole.slice(0, place) + mark + whole.slice(place + 1);
        assert.notEqual((await verify(changed, both))?.standing, "valid", `${place} ${mark}`);
      }
    }
  }
});

test("a list holds by its own signature alone", async () => {
  const list = JSON.stringify(both);
  const told = { list, public: chair.raw.toString("base64url"), signature: chair.sign(list).toString("base64url") };
  assert.equal((await readList(JSON.stringify(told)))?.signer, chair.id);
  assert.equal(await readList(JSON.stringify({ ...told, list: list.replace("2026-11-23", "2026-11-24") })), undefined);
  assert.equal(await readList("{}"), undefined);
  assert.equal(payloadIn("nothing here"), undefined);
});

test("whoever pinned a key that was renewed goes on, by what the old keys signed; a forger's heir is none", async () => {
  const [first, second, third] = [new Holder(), new Holder(), new Holder()];
  const b64 = (one: Holder) => one.raw.toString("base64url");
  const follows = (old: Holder, heir: Holder, signer = old) => ({
    from: b64(old), to: b64(heir), at: AT,
    signature: signer.sign(`{"at":${AT},"format":"hoichan-succession/1","public":"${b64(heir)}"}`).toString("base64url"),
  });
  const list = JSON.stringify(both);
  const pins = async (...successions: object[]) => (await readList(JSON.stringify({ list, public: b64(third), signature: third.sign(list).toString("base64url"), successions })))?.pins;
  assert.deepEqual(await pins(follows(first, second), follows(second, third)), [third.id, second.id, first.id]);
  assert.deepEqual(await pins(follows(first, second, forger), follows(second, third)), [third.id, second.id]);
  assert.deepEqual(await pins(follows(second, forger)), [third.id]);
  assert.deepEqual(await pins({ ...follows(second, third), at: AT + 1 }), [third.id]);
});
