// Keeps the verifier's page, as a stranger sees it, with its parts and the last trust list, and serves them when there is
// no network. It knows no other page.

interface Waiting extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface Fetching extends Event {
  request: Request;
  respondWith(response: Promise<Response>): void;
}
interface Worker {
  location: Location;
  clients: { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
  addEventListener(kind: "install" | "activate", handler: (event: Waiting) => void): void;
  addEventListener(kind: "fetch", handler: (event: Fetching) => void): void;
}
const worker = self as unknown as Worker;
const KEPT = "hoichan-verify";
const language = new URL(worker.location.href).searchParams.get("language") === "en" ? "en" : "vi";
const PAGE = `/verify?language=${language}`;
const LIST = "/trust-list.json";

/** Keep the page and what it names. Without credentials: what is kept shows nobody's name. */
async function keep(): Promise<void> {
  const cache = await caches.open(KEPT);
  const page = await fetch(PAGE, { credentials: "omit", cache: "no-store" });
  if (!page.ok) return;
  const named = new Set((await page.clone().text()).match(/\/static\/[\w./-]+/g) ?? []);
  await cache.put(PAGE, page);
  await Promise.all([...named].map((path) => cache.add(path).catch(() => undefined)));
  await cache.add(new Request(LIST, { credentials: "omit", cache: "no-store" })).catch(() => undefined);
}

async function answer(request: Request, key: string): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    const found = await (await caches.open(KEPT)).match(key);
    if (found === undefined) throw error;
    return found;
  }
}

worker.addEventListener("install", (event) => event.waitUntil(keep().then(() => worker.skipWaiting())));
worker.addEventListener("activate", (event) => event.waitUntil(worker.clients.claim()));
worker.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== worker.location.origin) return;
  if (url.pathname === "/verify") event.respondWith(answer(event.request, PAGE));
  else if (url.pathname === LIST) event.respondWith(answer(event.request, LIST));
  else if (url.pathname.startsWith("/static/")) event.respondWith(answer(event.request, url.pathname));
});
export {};
