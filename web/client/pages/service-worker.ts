// Rings when no page is open: shows what a push says, and opens the request when the notice is pressed.

interface Push {
  kind: "ring" | "stop" | "notice";
  consult: string;
  url: string;
  title: string;
  body: string;
}
interface Waiting extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface PushEvent extends Waiting {
  data: { json(): Push } | null;
}
interface PressEvent extends Waiting {
  notification: Notification;
}
interface Page {
  url: string;
  focus(): Promise<Page>;
  navigate(url: string): Promise<Page | null>;
}
interface Worker {
  registration: ServiceWorkerRegistration;
  location: Location;
  clients: { matchAll(options: object): Promise<Page[]>; openWindow(url: string): Promise<Page | null>; claim(): Promise<void> };
  skipWaiting(): Promise<void>;
  addEventListener(kind: "push", handler: (event: PushEvent) => void): void;
  addEventListener(kind: "notificationclick", handler: (event: PressEvent) => void): void;
  addEventListener(kind: "install" | "activate", handler: (event: Waiting) => void): void;
}
// The compiler knows the types of pages, and those of workers clash with them: these are the few that are needed.
const worker = self as unknown as Worker;

worker.addEventListener("install", (event) => event.waitUntil(worker.skipWaiting()));
worker.addEventListener("activate", (event) => event.waitUntil(worker.clients.claim()));

worker.addEventListener("push", (event) => {
  const push = event.data?.json();
  if (push === undefined) return;
  const rings = push.kind === "ring";
  const options: NotificationOptions & { renotify: boolean; vibrate?: number[] } = {
    body: push.body,
    // One notice a case: its end takes the ring's place, since a browser shows something for every push.
    tag: push.consult,
    renotify: rings,
    requireInteraction: rings,
    silent: push.kind === "stop",
    // Notifications API, “create a notification”: a silent one that has a pattern, be it empty, is a TypeError.
    ...(rings ? { vibrate: [400, 200, 400, 200, 400] } : {}),
    icon: "/static/favicon.svg",
    data: { url: push.url },
  };
  event.waitUntil(worker.registration.showNotification(push.title, options));
});

worker.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const url = new URL((event.notification.data as { url: string }).url, worker.location.origin);
  const open = async () => {
    const pages = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
    const idle = pages.find((page) => !page.url.includes("/room"));
    if (idle === undefined) await worker.clients.openWindow(url.href);
    else await (await idle.focus()).navigate(url.href);
  };
  if (url.origin === worker.location.origin) event.waitUntil(open());
});
