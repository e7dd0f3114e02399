// The card of a call out of a written case: the other side waits in the room. Modal on an idle page, docked in a call.

import type { Invited } from "../core/protocol.ts";
import { element, icon, say } from "../words.ts";

export class CallCard extends HTMLElement {
  /** `left` is called once, when it is answered or put away. */
  show(call: Invited, docked: boolean, left: () => void): void {
    this.dataset["consultId"] = call.consult_id;
    const title = say("calls_you", { name: call.by_name });
    const enter = element("a", { class: "button primary large", href: `/consults/${call.consult_id}/room`, "data-enter": "" }, icon("phone"), say("enter_room"));
    const later = element("button", { class: "button large", type: "button", "data-later": "" }, say("not_now"));
    later.addEventListener("click", left);
    const card = element("dialog", { class: docked ? "dialog docked" : "dialog", "data-urgency": "urgent", role: "alertdialog", "aria-label": title },
      element("div", { class: "ring-head" }, icon("phone"), element("h2", {}, title)),
      element("div", { class: "ring-body" }, element("p", {}, element("strong", {}, say("case_code", { code: call.code }))), element("p", {}, say("calls_why"))),
      element("div", { class: "ring-foot" }, enter, later),
    ) as HTMLDialogElement;
    this.replaceChildren(card);
    if (docked) card.show();
    else {
      card.addEventListener("cancel", (event) => event.preventDefault());
      card.showModal();
      enter.focus();
    }
  }
}

customElements.define("call-card", CallCard);
