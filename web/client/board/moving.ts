// Moving an appointment: drag it, or choose it and then a free time, by finger or by arrows and Enter. The server decides.

import type { Connection } from "../core/connection.ts";
import { clock, say } from "../words.ts";
import type { Lanes } from "./lanes.ts";

const free = '.slot[data-state="free"]';

export class Moving {
  readonly #place: HTMLElement;
  readonly #lanes: Lanes;
  readonly #connection: Connection;
  readonly #bar: HTMLElement;
  readonly #tell: (text: string, tone: string) => void;
  /** The slot whose appointment is on its way. */
  #from: string | null = null;

  constructor(place: HTMLElement, bar: HTMLElement, lanes: Lanes, connection: Connection, tell: (text: string, tone: string) => void) {
    this.#place = place;
    this.#bar = bar;
    this.#lanes = lanes;
    this.#connection = connection;
    this.#tell = tell;
    place.addEventListener("click", (event) => this.#press(event.target));
    place.addEventListener("keydown", (event) => this.#key(event));
    place.addEventListener("dragstart", (event) => {
      const slot = this.#slot(event.target);
      if (slot === null || !slot.draggable) return;
      event.dataTransfer?.setData("text/plain", slot.dataset["slot"] ?? "");
      // Without the bar: whatever shifts as a drag begins takes the target from under the hand.
      this.#from = slot.dataset["slot"] ?? "";
      this.#paint();
    });
    place.addEventListener("dragover", (event) => {
      if (this.#from !== null && this.#target(event.target) !== null) event.preventDefault();
    });
    place.addEventListener("drop", (event) => {
      const to = this.#target(event.target);
      if (this.#from === null || to === null) return;
      event.preventDefault();
      void this.#move(to.dataset["slot"] ?? "");
    });
    place.addEventListener("dragend", () => this.stop());
    bar.querySelector("#stop-moving")?.addEventListener("click", () => this.stop());
  }

  stop(): void {
    const from = this.#from;
    this.#from = null;
    this.#bar.hidden = true;
    this.#paint();
    if (from && this.#bar.contains(document.activeElement)) this.#button(from)?.focus();
  }

  /** After the lanes were drawn anew. */
  again(): void {
    const placed = this.#from === null ? undefined : this.#lanes.find(this.#from);
    if (this.#from !== null && placed?.slot.state !== "scheduled") this.stop();
    else this.#paint();
  }

  #slot(target: EventTarget | null): HTMLElement | null {
    return target instanceof Element ? target.closest<HTMLElement>("[data-slot]") : null;
  }

  #button(slotId: string): HTMLElement | null {
    return this.#place.querySelector<HTMLElement>(`[data-slot="${slotId}"]`);
  }

  /** A free slot of the same specialty. */
  #target(target: EventTarget | null): HTMLElement | null {
    const slot = this.#slot(target);
    return slot?.classList.contains("target") ? slot : null;
  }

  #press(target: EventTarget | null): void {
    const slot = this.#slot(target);
    if (slot === null) return;
    const slotId = slot.dataset["slot"] ?? "";
    const placed = this.#lanes.find(slotId);
    if (placed === undefined) return;
    if (slot.classList.contains("target")) void this.#move(slotId);
    else if (this.#from === slotId) this.stop();
    else if (slot.draggable) this.#take(slotId);
    else if (slot.dataset["state"] === "free") location.assign(`/slots/${slotId}`);
    else if (placed.slot.consult_id !== null) location.assign(`/consults/${placed.slot.consult_id}`);
  }

  #take(slotId: string): void {
    const placed = this.#lanes.find(slotId);
    if (placed === undefined) return;
    this.#from = slotId;
    this.#bar.hidden = false;
    const text = say("moving", { time: clock(placed.slot.starts_at), who: placed.slot.clinic ?? "", name: placed.lane.name });
    (this.#bar.querySelector("p") as HTMLElement).textContent = text;
    (this.#bar.querySelector("a") as HTMLAnchorElement).href = `/consults/${placed.slot.consult_id ?? ""}`;
    this.#paint();
  }

  #paint(): void {
    const placed = this.#from === null ? undefined : this.#lanes.find(this.#from);
    for (const slot of this.#place.querySelectorAll<HTMLElement>(".slot")) {
      const other = this.#lanes.find(slot.dataset["slot"] ?? "");
      const fits = placed !== undefined && slot.matches(free) && other?.slot.specialty_id === placed.slot.specialty_id;
      slot.classList.toggle("target", fits);
      if (slot.draggable) slot.setAttribute("aria-pressed", String(slot.dataset["slot"] === this.#from));
      else slot.removeAttribute("aria-pressed");
    }
  }

  #key(event: KeyboardEvent): void {
    if (event.key === "Escape" && this.#from !== null) {
      event.preventDefault();
      const from = this.#from;
      this.stop();
      this.#button(from)?.focus();
      return;
    }
    const steps: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const step = steps[event.key];
    const here = this.#slot(event.target);
    if (step === undefined || here === null) return;
    event.preventDefault();
    this.#near(here, step)?.focus();
  }

  /** The next slot in a direction: any, or while something moves a free one that it may move to. */
  #near(here: HTMLElement, [across, down]: [number, number]): HTMLElement | undefined {
    const wanted = Array.from(this.#place.querySelectorAll<HTMLElement>(this.#from === null ? ".slot" : ".slot.target"));
    const from = here.getBoundingClientRect();
    let best: HTMLElement | undefined;
    let least = Infinity;
    for (const one of wanted) {
      if (one === here) continue;
      const at = one.getBoundingClientRect();
      const [x, y] = [at.left - from.left, at.top - from.top];
      const along = across !== 0 ? x * across : y * down;
      const aside = Math.abs(across !== 0 ? y : x);
      if (along <= 1) continue;
      const distance = along + aside * 3;
      if (distance < least) [best, least] = [one, distance];
    }
    return best;
  }

  async #move(slotId: string): Promise<void> {
    const placed = this.#from === null ? undefined : this.#lanes.find(this.#from);
    const to = this.#lanes.find(slotId);
    this.stop();
    if (placed === undefined || to === undefined || placed.slot.appointment_id === null) return;
    try {
      await this.#connection.call("move_appointment", { appointment_id: placed.slot.appointment_id, slot_id: slotId, version: placed.slot.version });
      this.#tell(say("moved", { time: clock(to.slot.starts_at), name: to.lane.name }), "ok");
    } catch (error) {
      this.#tell(error instanceof Error ? error.message : say("offline"), "urgent");
    }
  }
}
