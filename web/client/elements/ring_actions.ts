// What a ring card can ask for.

import type { Ring } from "../core/protocol.ts";

export type DeclineChoice = "in_procedure" | "in_consult" | "out_of_scope" | "other";

export interface RingActions {
  /** Whether a call runs on this page, so that the card must not cover it. */
  docked: boolean;
  /** `pause`: what runs on this page may wait meanwhile. */
  accept(ring: Ring, pause: boolean): void;
  /** The coordinator's answer: accountable until somebody takes the case. */
  charge(ring: Ring): void;
  /** Any other answer that takes the ring off this person's pages. */
  answer(consultId: string, event: "later_offer" | "busy_offer" | "forward_offer", more: object): void;
  ask(consultId: string, text: string): void;
  decline(ring: Ring, reason: DeclineChoice): void;
}
