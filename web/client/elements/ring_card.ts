// The card of a case that rings: modal on an idle page, docked in the corner during a call.

import type { DeclineChoice, RingActions } from "./ring_actions.ts";
import { furtherAnswers, inquiries } from "./ring_answers.ts";
import type { Ring } from "../core/protocol.ts";
import { clock, element, icon, say } from "../words.ts";

const DECLINES: readonly DeclineChoice[] = ["in_procedure", "in_consult", "out_of_scope", "other"];

export class RingCard extends HTMLElement {
  #ring: Ring | null = null;
  #offset = 0;
  #timer: ReturnType<typeof setInterval> | undefined;
  #actions: RingActions | null = null;

  show(ring: Ring, actions: RingActions): void {
    this.#ring = ring;
    this.#actions = actions;
    this.#offset = Date.parse(ring.server_time) - Date.now();
    this.dataset["consultId"] = ring.consult_id;
    this.#render(ring);
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#tick(), 500);
    this.#tick();
  }

  disconnectedCallback(): void {
    clearInterval(this.#timer);
  }

  /** Say why it cannot be taken; the card stays until the person has read it. */
  fail(message: string): void {
    const note = this.querySelector("[data-note]");
    if (note) note.replaceChildren(icon("alert"), message);
    for (const button of this.querySelectorAll("button")) button.disabled = false;
  }

  #render(ring: Ring): void {
    const docked = this.#actions?.docked ?? false;
    const person = [ring.sex ? say(`sex_${ring.sex}`) : "", ring.age === null ? "" : say("age", { age: ring.age })].filter(Boolean).join(", ");
    const handover = ring.handover_from !== null;
    const title = `${say(`urgency_${ring.urgency}`)}: ${ring.specialty}`;
    const accept = element("button", { class: "button primary large", type: "button", "data-accept": "" }, icon(ring.as_coordinator ? "check" : "phone"), say(ring.as_coordinator ? "take_charge" : handover ? "take_over" : ring.urgency === "emergency" ? "accept_enter" : "accept"));
    accept.addEventListener("click", () => this.#take(false));
    const reasons = element("div", { class: "choices" });
    for (const reason of DECLINES) {
      const button = element("button", { class: "button", type: "button", "data-decline": reason }, say(`decline_${reason}`));
      button.addEventListener("click", () => this.#actions?.decline(ring, reason));
      reasons.append(button);
    }
    const body = element("div", { class: "ring-body" },
      element("div", { class: "row" },
        element("div", { class: "grow stack stack-tight" },
          element("p", {}, element("strong", {}, ring.facility), document.createTextNode(ring.address ? `, ${ring.address}` : ""), element("br"), say("called", { name: ring.requester_name, time: clock(ring.rung_at, true) })),
          element("p", {}, element("strong", {}, person || say("patient_unknown"))),
        ),
        element("p", { class: "elapsed", role: "timer", "data-since": "" }),
      ),
      element("p", { class: "ring-why" }, ring.question || say("no_question")),
      ...inquiries(ring),
      ...(ring.handover_from === null ? [] : [element("p", {}, element("strong", {}, say("handed_by", { name: ring.handover_from })))]),
      element("p", { class: "hint" }, ring.also_ringing.length ? say("also_ringing", { names: ring.also_ringing.join(", ") }) : say("only_you"), " ", say("name_after")),
      element("p", { class: "hint", "data-due": "" }),
      element("p", { class: "problem", role: "alert", "data-note": "" }),
    );
    const card = element("dialog", { class: docked ? "dialog docked" : "dialog", "data-urgency": ring.urgency, role: "alertdialog", "aria-label": title },
      element("div", { class: "ring-head" }, icon(ring.urgency), element("h2", {}, title)),
      body,
      element("div", { class: "ring-foot" }, accept, element("details", {}, element("summary", { class: "button wide" }, say("decline"), icon("down")), reasons), ...(handover || this.#actions === null ? [] : furtherAnswers(ring, this.#actions))),
    ) as HTMLDialogElement;
    this.replaceChildren(card);
    if (docked) card.show();
    else {
      card.addEventListener("cancel", (event) => event.preventDefault());
      card.showModal();
      accept.focus();
    }
  }

  /** What one runs has to wait for this: take it all the same, or leave it. */
  offerPause(message: string): void {
    this.fail(message);
    const pause = element("button", { class: "button primary wide", type: "button", "data-pause": "" }, say("pause_take"));
    pause.addEventListener("click", () => this.#take(true));
    this.querySelector("[data-note]")?.append(pause);
  }

  #take(pause: boolean): void {
    const ring = this.#ring;
    if (ring === null) return;
    for (const button of this.querySelectorAll("button")) button.disabled = true;
    if (ring.as_coordinator) this.#actions?.charge(ring);
    else this.#actions?.accept(ring, pause);
  }

  #tick(): void {
    const ring = this.#ring;
    if (ring === null) return;
    const now = Date.now() + this.#offset;
    const since = Math.max(0, Math.floor((now - Date.parse(ring.rung_at)) / 1000));
    const timer = this.querySelector("[data-since]");
    if (timer) timer.textContent = say("ringing_for", { seconds: since });
    const due = this.querySelector("[data-due]");
    if (due) due.textContent = ring.step_due_at && Date.parse(ring.step_due_at) > now ? say("next_at", { time: clock(ring.step_due_at, true) }) : "";
  }
}

customElements.define("ring-card", RingCard);
