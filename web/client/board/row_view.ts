// One row of the board: made once, then told what changed, so that focus, drag and scroll stay where they are.

import { leftOf, spoken, usedOf } from "../core/board.ts";
import type { BoardRow } from "../core/protocol.ts";
import { clock, element, icon, say } from "../words.ts";

const TONES = { emergency: "emergency", urgent: "urgent", routine: "routine" } as const;

/** Change a text only when it is another. */
function write(place: HTMLElement, text: string): void {
  if (place.textContent !== text) place.textContent = text;
}

export class RowView {
  readonly item: HTMLElement;
  row: BoardRow;
  readonly #urgency = element("span", { class: "urgency" });
  readonly #title = element("strong");
  readonly #where = element("small", { class: "meta" });
  readonly #question = element("small");
  readonly #state = element("span");
  readonly #ringing = element("small", { class: "meta" });
  readonly #refused = element("small", { class: "meta refused" });
  readonly #owner = element("span");
  readonly #note = element("small", { class: "meta" });
  readonly #time = element("span", { class: "time" });
  readonly #meter = element("progress", { class: "meter", max: "100" }) as HTMLProgressElement;
  readonly #act: HTMLElement;

  constructor(row: BoardRow) {
    this.row = row;
    const link = element("a", { class: "open", href: `/requests/${row.consult_id}` }, this.#title);
    this.#act = element("button", { class: "button", type: "button", "data-act-on": row.consult_id, "aria-haspopup": "dialog" }, say("act"));
    this.item = element(
      "li",
      { "data-consult": row.consult_id, draggable: "true", tabindex: "-1" },
      element("span", { class: "level" }, this.#urgency),
      element("div", { class: "what" }, link, this.#where, this.#question),
      element("div", { class: "rung" }, this.#state, this.#ringing, this.#refused),
      element("div", { class: "held" }, this.#owner, this.#note),
      element("div", { class: "breach" }, this.#time, this.#meter),
      this.#act,
    );
    this.show(row);
  }

  show(row: BoardRow): void {
    const known = this.item.dataset["urgency"];
    this.row = row;
    this.item.dataset["state"] = row.state;
    if (known !== row.urgency) {
      this.item.dataset["urgency"] = this.#urgency.dataset["urgency"] = row.urgency;
      this.#urgency.replaceChildren(icon(row.urgency), say(`urgency_${row.urgency}`));
    }
    const person = [row.sex === null ? "" : say(`sex_${row.sex}`).toLocaleLowerCase(), row.age === null ? "" : say("age", { age: row.age })];
    const title = [row.specialty, person.filter(Boolean).join(", ")].filter(Boolean).join(": ");
    write(this.#title, title);
    write(this.#where, `${row.facility} · ${row.code}`);
    write(this.#question, row.question);
    this.#act.setAttribute("aria-label", `${say("act")} ${title}, ${row.facility}`);
    write(this.#state, row.state === "ringing" && row.step !== null ? say(`step_${row.step}`) : say(`state_${row.state}`));
    write(this.#ringing, this.#answering());
    write(this.#refused, row.refused.map((one) => `${one.name}: ${say(one.reason === null ? `answer_${one.answer}` : `decline_${one.reason}`)}`).join(" · "));
    write(this.#owner, row.specialist_name ?? row.owner_name);
    this.#owner.title = say("answers_for_it");
    write(this.#note, row.note === null ? "" : `${row.note.author_name}: ${row.note.text}`);
    this.#meter.dataset["tone"] = TONES[row.urgency];
  }

  #answering(): string {
    const row = this.row;
    if (row.state === "claimed") return row.claimed_at === null ? "" : say("since", { time: clock(row.claimed_at) });
    if (row.state === "written") return row.specialist_name === null ? say("nobody_yet") : "";
    if (row.ringing.length === 0) return say("nobody_rings", { count: row.rung });
    return say("rings_for", { names: row.ringing.join(", ") });
  }

  /** What the time says now; called for rows in sight alone. */
  tick(now: number): void {
    const row = this.row;
    const left = leftOf(row, now);
    if (left === null) {
      const ends = row.ends_at === null ? null : Math.floor((now - Date.parse(row.ends_at)) / 1000);
      const over = ends !== null && ends > 0;
      write(this.#time, over ? say("overrun", { time: spoken(ends) }) : row.claimed_at === null ? "" : spoken((now - Date.parse(row.claimed_at)) / 1000 | 0));
      this.#time.classList.toggle("late", over);
      this.#meter.hidden = true;
      return;
    }
    const used = usedOf(row, now);
    write(this.#time, say(left < 0 ? "late_by" : "left", { time: spoken(left) }));
    this.#time.classList.toggle("late", left < 0);
    this.#meter.hidden = false;
    if (this.#meter.value !== used) {
      this.#meter.value = used;
      this.#meter.setAttribute("aria-label", say("used", { percent: used }));
    }
  }
}
