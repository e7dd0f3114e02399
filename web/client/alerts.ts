// What may reach a person on any page: rings, invitations, the end of the sign-in, a broken connection.

import { claimed, holdClaim } from "./claim.ts";
import { CallError, type Connection } from "./core/connection.ts";
import { clientKey, type Ring } from "./core/protocol.ts";
import type { RingActions } from "./elements/ring_actions.ts";
import { RingCard } from "./elements/ring_card.ts";
import { RingTone } from "./elements/ring_tone.ts";
import { reportTerminal } from "./terminal.ts";
import { clock, element, icon, say } from "./words.ts";

const TOAST_MS = 8_000;
const OFFLINE_AFTER_MS = 2_000;
/** How long a call of a written case sounds; its notice stays. */
const CALL_MS = 45_000;

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
  const tone = new RingTone();
  const title = document.title;
  let banner: HTMLElement | null = null;

  // The card first: opening the sound takes a slow machine some time. A hidden page has nothing to draw and sounds at once.
  const sound = () => {
    if (document.hidden) tone.start();
    else setTimeout(() => cards.size > 0 && tone.start());
  };
  const settle = () => {
    if (cards.size === 0) tone.stop();
    else if (!docked) sound();
    const first = cards.values().next().value;
    document.title = first ? `● ${first.querySelector("h2")?.textContent ?? ""}` : title;
  };
  const remove = (consultId: string) => {
    cards.get(consultId)?.remove();
    cards.delete(consultId);
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
    if (!cards.has(stop.consult_id)) return;
    remove(stop.consult_id);
    if (stop.reason === "claimed" && stop.by_name) toast(say("taken", { name: stop.by_name, time: clock(stop.at, true) }), "routine");
    if (stop.reason === "written") toast(say("now_written"), "routine", { href: "/written", text: say("written_cases") });
    if (stop.reason === "withdrawn" && stop.by_name) toast(say("handover_withdrawn", { name: stop.by_name }), "routine");
    if (stop.reason === "cancelled") toast(say("withdrawn", { time: clock(stop.at, true) }), "routine");
  });
  holdClaim(connection, (message) => toast(message, "urgent"));
  connection.on("invited", (invitation) => {
    toast(say("invited", { name: invitation.by_name }), "accent", { href: `/consults/${invitation.consult_id}/preview`, text: say("enter_room") });
    if (!invitation.rings || docked) return;
    // The other side of a written case calls: it sounds until the notice is answered or put away, and not for ever.
    const note = document.querySelector(".toast");
    tone.start();
    const quiet = setInterval(() => {
      if (note?.isConnected && Date.now() < until) return;
      clearInterval(quiet);
      settle();
    }, 300);
    const until = Date.now() + CALL_MS;
  });
  connection.on("oversight", () => {
    toast(say("glass_broken"), "emergency", { href: "/administration/emergencies", text: say("review") });
  });
  connection.on("session_ended", () => location.assign("/sign-in"));
  connection.onRefused((code) => {
    if (code.includes("sign_in") || code.includes("session")) location.assign("/sign-in");
  });

  let offlineTimer: ReturnType<typeof setTimeout> | undefined;
  connection.onDisconnect(() => {
    clearTimeout(offlineTimer);
    offlineTimer = setTimeout(() => {
      if (docked || banner) return;
      banner = element("div", { class: "banner offline", role: "status", "data-tone": "urgent" }, icon("unlink"), element("p", {}, say("offline")));
      document.querySelector("main")?.prepend(banner);
    }, OFFLINE_AFTER_MS);
  });
  connection.onConnect(() => {
    clearTimeout(offlineTimer);
    banner?.remove();
    banner = null;
  });
}
