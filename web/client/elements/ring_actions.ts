// What a ring card can ask for.

import type { Ring } from "../core/protocol.ts";

export type DeclineChoice = "in_procedure" | "in_consult" | "out_of_scope" | "other";

export interface RingActions {
  /** Whether a call runs on this page, so that the card must not cover it. */
  docked: boolean;
  accept(ring: Ring): void;
  decline(consultId: string, reason: DeclineChoice): void;
}
