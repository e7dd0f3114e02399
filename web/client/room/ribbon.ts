// What happened in this case, as a ribbon that grows at its end.

import type { LogEntry } from "../core/protocol.ts";
import { clock, element } from "../words.ts";

const TONES: Record<string, string> = { first_frame: "ok", claimed: "ok", line_changed: "urgent", declined: "urgent" };

function tone(entry: LogEntry): string {
  if (entry.kind === "quality_changed") return entry.data["rung"] === "hd" ? "ok" : entry.data["way"] === "wishes" ? "quiet" : "urgent";
  return TONES[entry.kind] ?? "quiet";
}

export function showRibbon(ribbon: HTMLElement, entries: readonly LogEntry[]): void {
  ribbon.replaceChildren(
    ...entries
      .filter((entry) => entry.kind !== "chat" && entry.kind !== "drawn")
      .map((entry) => element("li", { "data-kind": entry.kind, "data-tone": tone(entry) }, element("time", { datetime: entry.at }, clock(entry.at, true)), entry.text)),
  );
  ribbon.scrollLeft = ribbon.scrollWidth;
}
