// Answers beside yes and no: busy, in five minutes, a colleague instead, asking for more first.

import type { RingActions } from "./ring_actions.ts";
import type { Ring } from "../core/protocol.ts";
import { load } from "../fragments.ts";
import { element, icon, say } from "../words.ts";

/** What was asked and answered meanwhile, for everybody who is rung. */
export function inquiries(ring: Ring): HTMLElement[] {
  return ring.inquiries.map((one) =>
    element("p", { class: "ring-why", "data-inquiry": one.inquiry_id },
      say("asked_by", { name: one.asker_name, question: one.question }), element("br"),
      one.answer === null ? say("no_answer_yet") : say("answered_so", { answer: one.answer })));
}

/** Further answers, below the reasons of a decline. */
export function furtherAnswers(ring: Ring, actions: RingActions): HTMLElement[] {
  const later = element("button", { class: "button", type: "button", "data-later": "" }, icon("clock"), say("answer_later"));
  later.addEventListener("click", () => actions.answer(ring.consult_id, "later_offer", {}));
  const busy = element("button", { class: "button", type: "button", "data-busy": "" }, say("answer_busy"));
  busy.addEventListener("click", () => actions.answer(ring.consult_id, "busy_offer", {}));
  const colleague = element("select", { class: "input", "aria-label": say("forward_to") }) as HTMLSelectElement;
  const forward = element("form", { class: "stack stack-tight" }, colleague, element("button", { class: "button wide", type: "submit" }, say("forward")));
  forward.addEventListener("submit", (event) => {
    event.preventDefault();
    if (colleague.value) actions.answer(ring.consult_id, "forward_offer", { staff_id: colleague.value });
  });
  const forwarding = element("details", { "data-forward": "" }, element("summary", { class: "button wide" }, say("forward_to"), icon("down")), forward) as HTMLDetailsElement;
  forwarding.addEventListener("toggle", () => {
    if (forwarding.open) void load(colleague, `/consults/${ring.consult_id}/colleagues`);
  });
  const text = element("input", { class: "input", maxlength: "500", required: "", autocomplete: "off", "aria-label": say("ask_first") }) as HTMLInputElement;
  const ask = element("form", { class: "stack stack-tight" }, text, element("button", { class: "button wide", type: "submit" }, say("ask")));
  ask.addEventListener("submit", (event) => {
    event.preventDefault();
    actions.ask(ring.consult_id, text.value);
  });
  const asking = element("details", { "data-ask": "" }, element("summary", { class: "button wide" }, say("ask_first"), icon("down")), ask);
  return [later, busy, asking, forwarding];
}
