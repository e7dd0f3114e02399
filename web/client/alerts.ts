// What may reach a person on any page: rings, invitations, the end of the sign-in, a broken connection.

import { claimed, holdClaim } from "./claim.ts";
import { CallError, type Connection } from "./core/connection.ts";
import { Doubt } from "./core/doubt.ts";
import { clientKey, type Invited, type Ring } from "./core/protocol.ts";
import { CallCard } from "./elements/call_card.ts";
import type { RingActions } from "./elements/ring_actions.ts";
import { RingCard } from "./elements/ring_card.ts";
import { RingTone } from "./elements/ring_tone.ts";
import { reportTerminal } from "./terminal.ts";
import { clock, element, icon, say } from "./words.ts";

const TOAST_MS = 8_000;
const OFFLINE_AFTER_MS = 2_000;
/** How long a call out of a written case rings; a notice stays after it. */
const CALL_MS = 45_000;
/** How long after a broken line a ring that the server does not say again stays: it says them at once. */
const SAID_AGAIN_MS = 3_000;
/** How long an overdue case sounds; its notice stays. */
const OVERDUE_MS = 4_500;

/** A short notice that confirms and goes by itself. */
export function toast(text: string, tone: string, link?: { href: string; text: string }): void {
  const close = element("button", { class: "button plain", type: "button", "aria-label": say("close") }, icon("x"));
  const note = element("div", { class: "toast", role: "status", "data-tone": tone }, element("p", {}, text));
  if (link) note.append(element("a", { class: "button", href: link.href }, link.text));
  note.append(close);
  close.addEventListener("click", () => note.remove());
  document.querySelector(".toast")?.remove();
  document.body.append(note);
  if (!link) setTimeout(() => note.remove(), TOAST_MS);
}

export function startAlerts(connection: Connection, docked = false): void {
  reportTerminal(connection);
  const cards = new Map<string, RingCard>();
  /** Calls out of written cases that sound now, each with what puts it away. */
  const calls = new Map<string, () => void>();
  const doubt = new Doubt();
  const tone = new RingTone();
  const title = document.title;
  let banner: HTMLElement | null = null;

  // The card first: opening the sound takes a slow machine some time. A hidden page has nothing to draw and sounds at once.
  const sound = () => {
    if (document.hidden) tone.start();
    else setTimeout(() => cards.size + calls.size > 0 && tone.start());
  };
  const settle = () => {
    if (cards.size + calls.size === 0) tone.stop();
    else if (!docked) sound();
    const first = cards.values().next().value;
    document.title = first ? `● ${first.querySelector("h2")?.textContent ?? ""}` : title;
  };
  const remove = (consultId: string) => {
    cards.get(consultId)?.remove();
    cards.delete(consultId);
    settle();
  };
  const called = (call: Invited) => {
    calls.get(call.consult_id)?.();
    const card = new CallCard();
    const away = () => {
      clearTimeout(until);
      card.remove();
      if (calls.get(call.consult_id) === away) calls.delete(call.consult_id);
      settle();
    };
    const until = setTimeout(() => {
      away();
      toast(say("called_you", { name: call.by_name }), "urgent", { href: `/consults/${call.consult_id}/room`, text: say("enter_room") });
    }, CALL_MS);
    calls.set(call.consult_id, away);
    document.body.append(card);
    card.show(call, docked, away);
    settle();
  };
  const actions: RingActions = {
    docked,
    accept(ring: Ring, pause: boolean) {
      connection
        .call<{ room_url: string }>(ring.handover_from === null ? "accept_offer" : "accept_handover", { consult_id: ring.consult_id, pause })
        .then((answer) => {
          claimed(ring.consult_id);
          return answer;
        })
        .then((answer) => location.assign(ring.urgency === "emergency" ? answer.room_url : `/consults/${ring.consult_id}/preview`))
        .catch((error: unknown) => {
          if (error instanceof CallError && error.code === "consult.running") cards.get(ring.consult_id)?.offerPause(error.message);
          else if (error instanceof CallError && error.code !== "offline") {
            remove(ring.consult_id);
            toast(error.message, "urgent");
          } else cards.get(ring.consult_id)?.fail(String(error instanceof Error ? error.message : error));
        });
    },
    charge(ring) {
      connection
        .call("take_charge", { consult_id: ring.consult_id })
        .then(() => location.assign(`/requests/${ring.consult_id}`))
        .catch((error: unknown) => cards.get(ring.consult_id)?.fail(error instanceof Error ? error.message : ""));
    },
    decline(ring, reason) {
      const consultId = ring.consult_id;
      connection
        .call(ring.handover_from === null ? "decline_offer" : "decline_handover", { consult_id: consultId, reason })
        .then(() => remove(consultId))
        .catch((error: unknown) => cards.get(consultId)?.fail(error instanceof Error ? error.message : ""));
    },
    answer(consultId, event, more) {
      connection
        .call(event, { consult_id: consultId, ...more })
        .then(() => remove(consultId))
        .catch((error: unknown) => cards.get(consultId)?.fail(error instanceof Error ? error.message : ""));
    },
    ask(consultId, text) {
      connection
        .call("ask_requester", { consult_id: consultId, text, client_id: clientKey() })
        .catch((error: unknown) => cards.get(consultId)?.fail(error instanceof Error ? error.message : ""));
    },
  };

  connection.on("ring", (ring) => {
    doubt.lift(ring.consult_id);
    const known = cards.get(ring.consult_id);
    const card = known ?? new RingCard();
    if (!known) {
      cards.set(ring.consult_id, card);
      document.body.append(card);
    }
    card.show(ring, actions);
    settle();
  });
  connection.on("ring_stopped", (stop) => {
    doubt.lift(stop.consult_id);
    if (!cards.has(stop.consult_id)) return;
    remove(stop.consult_id);
    if (stop.reason === "claimed" && stop.by_name) toast(say("taken", { name: stop.by_name, time: clock(stop.at, true) }), "routine");
    if (stop.reason === "written") toast(say("now_written"), "routine", { href: "/written", text: say("written_cases") });
    if (stop.reason === "withdrawn" && stop.by_name) toast(say("handover_withdrawn", { name: stop.by_name }), "routine");
    if (stop.reason === "cancelled") toast(say("withdrawn", { time: clock(stop.at, true) }), "routine");
  });
  holdClaim(connection, (message) => toast(message, "urgent"));
  connection.on("invited", (invitation) => {
    if (invitation.rings) called(invitation);
    else toast(say("invited", { name: invitation.by_name }), "accent", { href: `/consults/${invitation.consult_id}/preview`, text: say("enter_room") });
  });
  // Answered on another page of this person, or over.
  connection.on("consult", (hint) => {
    if (hint.state !== "claimed") calls.get(hint.consult_id)?.();
  });
  connection.on("overdue", ({ consult_id }) => {
    toast(say("overdue"), "emergency", { href: `/consults/${consult_id}`, text: say("answer_now") });
    if (docked) return;
    tone.start();
    setTimeout(settle, OVERDUE_MS);
  });
  connection.on("oversight", () => {
    toast(say("glass_broken"), "emergency", { href: "/administration/emergencies", text: say("review") });
  });
  connection.on("session_ended", () => location.assign("/sign-in"));
  connection.onRefused((code) => {
    if (code.includes("sign_in") || code.includes("session")) location.assign("/sign-in");
  });

  let offlineTimer: ReturnType<typeof setTimeout> | undefined;
  let doubtTimer: ReturnType<typeof setTimeout> | undefined;
  connection.onDisconnect(() => {
    clearTimeout(doubtTimer);
    clearTimeout(offlineTimer);
    offlineTimer = setTimeout(() => {
      if (docked || banner) return;
      banner = element("div", { class: "banner offline", role: "status", "data-tone": "urgent" }, icon("unlink"), element("p", {}, say("offline")));
      document.querySelector("main")?.prepend(banner);
    }, OFFLINE_AFTER_MS);
  });
  connection.onConnect(() => {
    doubt.cast(cards.keys());
    clearTimeout(doubtTimer);
    doubtTimer = setTimeout(() => {
      const gone = doubt.taken().filter((consultId) => cards.has(consultId));
      gone.forEach(remove);
      if (gone.length > 0) toast(say("stopped_meanwhile"), "routine");
    }, SAID_AGAIN_MS);
    clearTimeout(offlineTimer);
    banner?.remove();
    banner = null;
  });
}
