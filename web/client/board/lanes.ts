// Today's slots as lanes, a lane a specialist and one a terminal. A lane is made anew as a whole, the others stay.

import { placeOf, quarterOf, standing } from "../core/board.ts";
import type { Lane, LaneSlot } from "../core/protocol.ts";
import { clock, element, icon, say } from "../words.ts";

const TONES: Record<string, string> = { free: "quiet", gone: "quiet", done: "quiet", taken: "quiet", booked: "routine", late: "urgent", displaced: "emergency", live: "ok", overrun: "emergency" };
const PART_MS = 6 * 3_600_000;

interface Placed {
  slot: LaneSlot;
  lane: Lane;
}

export class Lanes {
  readonly #place: HTMLElement;
  readonly #now: () => number;
  readonly #lanes = new Map<string, Lane>();
  readonly #shown = new Map<string, HTMLElement>();
  #dayStartsAt = 0;
  #part = 0;

  constructor(place: HTMLElement, now: () => number) {
    this.#place = place;
    this.#now = now;
  }

  get size(): number {
    return this.#lanes.size;
  }

  get part(): number {
    return this.#part;
  }

  /** All of a day. */
  whole(lanes: readonly Lane[], dayStartsAt: string): void {
    const day = Date.parse(dayStartsAt);
    if (day !== this.#dayStartsAt) {
      this.#dayStartsAt = day;
      this.#part = Math.max(0, Math.min(3, Math.floor((this.#now() - day) / PART_MS)));
    }
    this.#lanes.clear();
    for (const lane of lanes) this.#lanes.set(lane.specialist_id, lane);
    this.#draw();
  }

  /** Lanes that changed; one without slots goes. */
  put(lanes: readonly Lane[]): void {
    for (const lane of lanes) {
      if (lane.slots.length === 0) this.#lanes.delete(lane.specialist_id);
      else this.#lanes.set(lane.specialist_id, lane);
    }
    this.#draw(new Set(lanes.map((lane) => lane.specialist_id)));
  }

  /** Another part of the day, 0 to 3. */
  turn(part: number): void {
    this.#part = part;
    this.#draw();
  }

  /** What stands in a slot now. */
  find(slotId: string): Placed | undefined {
    for (const lane of this.#lanes.values()) {
      const slot = lane.slots.find((one) => one.slot_id === slotId);
      if (slot) return { slot, lane };
    }
    return undefined;
  }

  /** Slots run late and over by time alone. */
  tick(): void {
    for (const button of this.#place.querySelectorAll<HTMLElement>("[data-slot]")) {
      const found = this.find(button.dataset["slot"] ?? "");
      if (found === undefined) continue;
      const state = standing(found.slot, this.#now());
      if (button.dataset["state"] !== state) this.#say(button, found.slot, state);
    }
    this.#mark();
  }

  #draw(changed?: ReadonlySet<string>): void {
    const focus = this.#place.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset["slot"] : undefined;
    const rows: HTMLElement[] = [this.#hours()];
    const known = new Map(this.#shown);
    this.#shown.clear();
    for (const lane of this.#lanes.values()) {
      const key = `${lane.specialist_id}:${this.#part}`;
      const kept = changed !== undefined && !changed.has(lane.specialist_id) ? known.get(key) : undefined;
      const row = kept ?? this.#row(lane.name, lane.facility, lane.slots, { "data-staff": lane.specialist_id }, (slot) => slot.clinic ?? slot.specialty);
      this.#shown.set(key, row);
      rows.push(row);
    }
    const terminals = new Map<string, LaneSlot[]>();
    const doctors = new Map<string, string>();
    for (const lane of this.#lanes.values()) {
      for (const slot of lane.slots) {
        if (slot.terminal_id === null) continue;
        doctors.set(slot.slot_id, lane.name);
        terminals.set(slot.terminal_id, [...(terminals.get(slot.terminal_id) ?? []), slot]);
      }
    }
    for (const [terminal, slots] of terminals) {
      const clinic = slots[0]?.clinic ?? "";
      rows.push(this.#row(slots[0]?.terminal ?? "", clinic, slots, { "data-terminal": terminal }, (slot) => doctors.get(slot.slot_id) ?? ""));
    }
    this.#place.replaceChildren(...rows);
    this.#mark();
    if (focus) this.#place.querySelector<HTMLElement>(`[data-slot="${focus}"]`)?.focus({ preventScroll: true });
  }

  #hours(): HTMLElement {
    const hours = element("ol");
    for (let hour = 0; hour < 6; hour += 1) {
      const mark = element("li", {}, `${String(this.#part * 6 + hour).padStart(2, "0")}:00`);
      this.#at(mark, hour * 4 + 1, 4);
      hours.append(mark);
    }
    return element("div", { class: "lane lane-hours", "aria-hidden": "true" }, hours);
  }

  #row(name: string, below: string, slots: readonly LaneSlot[], mark: Record<string, string>, who: (slot: LaneSlot) => string): HTMLElement {
    const list = element("ol");
    for (const slot of slots) {
      const place = placeOf(slot, this.#dayStartsAt, this.#part);
      if (place === null) continue;
      const button = element("button", { class: "slot", type: "button", "data-slot": slot.slot_id, "data-who": who(slot) });
      this.#say(button, slot, standing(slot, this.#now()));
      const item = element("li", {}, button);
      this.#at(item, place.from, place.span);
      list.append(item);
    }
    return element("div", { class: "lane", ...mark }, element("h3", { class: "lane-name" }, name, element("small", { class: "meta" }, below)), list, element("div", { class: "lane-now", "aria-hidden": "true" }, element("i")));
  }

  #say(button: HTMLElement, slot: LaneSlot, state: string): void {
    button.dataset["state"] = state;
    button.dataset["tone"] = state === "booked" && slot.urgency !== null ? slot.urgency : TONES[state] ?? "quiet";
    const movable = slot.appointment_id !== null && slot.state === "scheduled";
    button.draggable = movable;
    const time = clock(slot.starts_at);
    const word = state === "booked" ? "" : say(`slot_${state}`);
    const who = state === "free" || state === "gone" ? slot.specialty : button.dataset["who"] ?? "";
    const marked: (Node | string)[] = state === "overrun" || state === "late" || state === "displaced" ? [icon("alert"), `${time} ${word}`] : [[time, word].filter(Boolean).join(" ")];
    const rest = element("span", { class: "sr-only" }, `, ${word ? "" : `${say("slot_booked")}, `}${say("until", { time: clock(slot.ends_at) })}`);
    button.replaceChildren(element("b", {}, ...marked), element("span", {}, ` ${who}`), rest);
  }

  #mark(): void {
    const quarter = quarterOf(this.#now(), this.#dayStartsAt, this.#part);
    for (const mark of this.#place.querySelectorAll<HTMLElement>(".lane-now")) {
      mark.hidden = quarter === null;
      if (quarter !== null) (mark.firstElementChild as HTMLElement).style.setProperty("--from", String(quarter));
    }
  }

  #at(item: HTMLElement, from: number, span: number): void {
    item.style.setProperty("--from", String(from));
    item.style.setProperty("--span", String(span));
  }
}
