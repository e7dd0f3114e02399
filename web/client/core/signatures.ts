// Signatures of minutes, checked without the server (docs/signatures.md): payloads of QR codes and signed files against a
// trust list. Pure but for the browser's own cryptography; where that has no Ed25519, a small library takes its place.

import { verifyAsync } from "@noble/ed25519";

/** What a signature turned out to be. Only `valid` says that a person of the list signed this, and nothing was changed. */
export type Standing = "valid" | "altered" | "revoked" | "unknown";

export interface Stamp {
  seat: string;
  /** Seconds since 1970. */
  at: number;
  key: string;
  value: Uint8Array<ArrayBuffer>;
}
export interface Payload {
  digest: string;
  of: number;
  stamps: Stamp[];
}
export interface Key {
  id: string;
  public: string;
  from: string;
  revoked: string | null;
  reason: "retired" | "compromised" | null;
}
export interface TrustList {
  format: string;
  version: number;
  issued: string;
  keys: Key[];
}
export interface Trusted {
  list: TrustList;
  /** The key that signed the list: what a verifier pins. */
  signer: string;
  /** That key, and those before it that vouched for it one after the other: whoever pinned one of them goes on. */
  pins: string[];
}
interface Succession {
  from: string;
  to: string;
  at: number;
  signature: string;
}
export interface Checked {
  stamp: Stamp;
  standing: Standing;
}
export interface Verdict {
  standing: Standing;
  payload: Payload;
  stamps: Checked[];
  /** The document itself, when it came along. */
  document?: Record<string, unknown>;
}

const SEATS = ["chair", "secretary", "member", "author"];
const ONE = 86;
const PAYLOAD = /^HCM1\.[A-Za-z0-9_-]{43}\.[1-9][0-9]{0,2}(\.[A-Za-z0-9_-]{115}){1,12}/;
const encoder = new TextEncoder();

/** The payload in a text: what a code said, or a whole page copied from a PDF. Undefined when there is none. */
export function payloadIn(text: string): string | undefined {
  const start = text.indexOf("HCM1.");
  if (start < 0) return undefined;
  const joined = text.slice(start).replace(/[\s\u200b]+/g, "");
  const found = PAYLOAD.exec(joined)?.[0];
  // A code holds nothing else: what does not fit to the end was changed.
  return /\s/.test(text.trim()) || found?.length === joined.length ? found : undefined;
}

/** What a payload says, not yet verified; undefined for anything that Hoichan does not write. */
export function readPayload(text: string): Payload | undefined {
  const parts = text.split(".");
  if (PAYLOAD.exec(text)?.[0] !== text) return undefined;
  const digest = decoded(parts[1] ?? "");
  if (digest?.length !== 32) return undefined;
  const stamps: Stamp[] = [];
  for (const part of parts.slice(3)) {
    const raw = decoded(part);
    const seat = SEATS[raw?.[0] ?? -1];
    if (raw?.length !== ONE || seat === undefined) return undefined;
    const at = raw.slice(1, 6).reduce((sum, byte) => sum * 256 + byte, 0);
    stamps.push({ seat, at, key: hex(raw.slice(6, 22)), value: raw.slice(22) });
  }
  return { digest: hex(digest), of: Number(parts[2]), stamps };
}

/** A published trust list whose own signature holds; undefined when it does not. */
export async function readList(text: string): Promise<Trusted | undefined> {
  try {
    const told = JSON.parse(text) as { list: string; signature: string; public: string; successions?: Succession[] };
    const signature = decoded(told.signature);
    const key = decoded(told.public);
    if (!signature || !key || !(await verified(key, signature, encoder.encode(told.list)))) return undefined;
    const list = JSON.parse(told.list) as TrustList;
    if (list.format !== "hoichan-trust/1") return undefined;
    const signer = (await sha256(key)).slice(0, 32);
    return { list, signer, pins: [signer, ...(await ancestors(told.public, told.successions ?? []))] };
  } catch {
    return undefined;
  }
}

/** The keys by which this one was vouched for, the youngest first. */
async function ancestors(to: string, successions: Succession[]): Promise<string[]> {
  const found: string[] = [];
  for (const one of [...successions].reverse()) {
    const key = decoded(one.from);
    const signature = decoded(one.signature);
    // Canonical JSON (RFC 8785): keys in order, no space.
    const told = JSON.stringify({ at: one.at, format: "hoichan-succession/1", public: one.to });
    if (one.to !== to || !key || !signature || !(await verified(key, signature, encoder.encode(told)))) break;
    found.push((await sha256(key)).slice(0, 32));
    to = one.from;
  }
  return found;
}

/** Check a payload or a signed file. Undefined: it holds no signatures of Hoichan. */
export async function verify(text: string, list: TrustList): Promise<Verdict | undefined> {
  const file = await signedFile(text);
  if (file !== undefined) {
    const verdict = await verifyPayload(file.payload, list);
    if (verdict === undefined) return undefined;
    const whole = file.canonical && file.digest === verdict.payload.digest;
    return { ...verdict, standing: whole ? verdict.standing : "altered", ...(whole ? { document: file.document } : {}) };
  }
  const carried = payloadIn(text);
  const verdict = carried === undefined ? undefined : await verifyPayload(carried, list);
  // A signed file that is no longer one: its code alone would still be valid, and say nothing of the text around it.
  const broken = /hoichan-signed|"payload"|"document"/.test(text);
  return verdict && broken ? { ...verdict, standing: "altered" } : verdict;
}

async function verifyPayload(text: string, list: TrustList): Promise<Verdict | undefined> {
  const payload = readPayload(text);
  if (payload === undefined) return undefined;
  const stamps = await Promise.all(payload.stamps.map(async (stamp) => ({ stamp, standing: await standing(stamp, payload, list) })));
  const worst = (["altered", "unknown", "revoked"] as const).find((one) => stamps.some((checked) => checked.standing === one));
  return { standing: worst ?? "valid", payload, stamps };
}

async function standing(stamp: Stamp, payload: Payload, list: TrustList): Promise<Standing> {
  const key = list.keys.find((one) => one.id === stamp.key);
  const bytes = key && decoded(key.public);
  if (!key || !bytes || (await sha256(bytes)).slice(0, 32) !== stamp.key) return "unknown";
  // Canonical JSON (RFC 8785) of plain ASCII and whole numbers: keys in order, no space.
  const { digest: document, of } = payload;
  const told = { as: stamp.seat, at: stamp.at, document, format: "hoichan-signature/1", key: stamp.key, of };
  if (!(await verified(bytes, stamp.value, encoder.encode(JSON.stringify(told))))) return "altered";
  if (key.revoked !== null && (key.reason !== "retired" || stamp.at * 1000 > Date.parse(key.revoked))) return "revoked";
  return "valid";
}

interface SignedFile {
  payload: string;
  digest: string;
  canonical: boolean;
  document: Record<string, unknown>;
}

async function signedFile(text: string): Promise<SignedFile | undefined> {
  try {
    const { document, format, payload } = JSON.parse(text) as Record<string, unknown>;
    if (format !== "hoichan-signed/1" || typeof document !== "string" || typeof payload !== "string") return undefined;
    return {
      payload,
      digest: await sha256(encoder.encode(document)),
      canonical: JSON.stringify({ document, format, payload }) === text,
      document: JSON.parse(document) as Record<string, unknown>,
    };
  } catch {
    return undefined;
  }
}

/** Ed25519 (RFC 8032), by WebCrypto where the browser has it. */
async function verified(key: Uint8Array<ArrayBuffer>, signature: Uint8Array<ArrayBuffer>, message: Uint8Array<ArrayBuffer>): Promise<boolean> {
  let imported: CryptoKey;
  try {
    imported = await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
  } catch {
    return verifyAsync(signature, message, key, { zip215: false }).catch(() => false);
  }
  return crypto.subtle.verify({ name: "Ed25519" }, imported, signature, message);
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The bytes of base64url without padding; undefined for every other spelling of the same bytes. */
function decoded(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (mark) => mark.charCodeAt(0));
    const again = btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    return again === text ? bytes : undefined;
  } catch {
    return undefined;
  }
}
