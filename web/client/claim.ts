// The sign of life of a case that this browser claimed and whose room it has not entered yet.

import { CallError, type Connection } from "./core/connection.ts";

const TRY_AGAIN_MS = 2_000;
const KEY = "hoichan.claim";

/** Note that this tab has taken the case: each of its pages holds it, until the room is entered. */
export function claimed(consultId: string): void {
  sessionStorage.setItem(KEY, consultId);
}

/** Hold what this tab has claimed; `lost` says in words that it rings for others again. */
export function holdClaim(connection: Connection, lost: (message: string) => void): void {
  let next: ReturnType<typeof setTimeout> | undefined;
  const again = (ms: number) => {
    clearTimeout(next);
    next = setTimeout(hold, ms);
  };
  const hold = () => {
    const consultId = sessionStorage.getItem(KEY);
    if (consultId === null) return;
    connection
      .call<{ until: string | null; again_s: number }>("hold_claim", { consult_id: consultId })
      .then(({ until, again_s }) => {
        if (until === null) sessionStorage.removeItem(KEY);
        else again(again_s * 1_000);
      })
      .catch((error: unknown) => {
        if (!(error instanceof CallError) || error.code === "offline" || error.code.endsWith("unavailable")) return again(TRY_AGAIN_MS);
        sessionStorage.removeItem(KEY);
        if (error.code === "claim.lost" || error.code === "consult.already_claimed") lost(error.message);
      });
  };
  connection.onConnect(hold);
}
