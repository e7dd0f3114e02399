// Lines of a thread as the server gives them, and as the page shows them.

import { clock, element, say } from "../words.ts";

export interface Attached {
  id: string;
  kind: string;
  size: number;
  width: number;
  height: number;
}

export interface Entry {
  number: number;
  at: string;
  sender_id: string;
  sender_name: string;
  client_id: string;
  text: string;
  attachment?: Attached;
}

export interface Page {
  self: string;
  entries: Entry[];
}

/** What came after that number, or null when there is no answer. */
export async function entriesAfter(consultId: string, after: number): Promise<Page | null> {
  const response = await fetch(`/consults/${consultId}/thread?after=${after}`, { headers: { Accept: "application/json" } }).catch(() => null);
  return response?.ok ? ((await response.json()) as Page) : null;
}

/** The picture, the clip to be heard, or the way to the document. */
export function shown(consultId: string, file: Attached): HTMLElement {
  const address = `/consults/${consultId}/attachments/${file.id}`;
  if (file.kind.startsWith("image/")) {
    const picture = element("img", { src: `${address}?small`, alt: say("photograph"), loading: "lazy" });
    return element("a", { href: address, class: "attached", "data-attachment": file.id, target: "_blank", rel: "noopener" }, picture);
  }
  if (file.kind.startsWith("audio/")) return element("audio", { controls: "", preload: "none", src: address, "data-attachment": file.id, "aria-label": say("voice_clip") });
  return element("a", { href: address, "data-attachment": file.id, download: "" }, say("document", { size: Math.max(1, Math.round(file.size / 1024)) }));
}

export function line(consultId: string, entry: Entry, self: string): HTMLElement {
  const what = entry.attachment ? shown(consultId, entry.attachment) : document.createTextNode(entry.text);
  const name = element("strong", {}, entry.sender_id === self ? say("me") : entry.sender_name);
  return element("li", { "data-number": String(entry.number) }, name, element("small", { class: "meta" }, clock(entry.at, true)), element("br"), what);
}
