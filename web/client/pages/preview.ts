// Before a booked room: choose camera and microphone, see oneself, see one's own loudness.

import { startAlerts } from "../alerts.ts";
import { Connection } from "../core/connection.ts";
import { follow } from "../fragments.ts";
import { startPreview } from "../preview.ts";
import { say } from "../words.ts";

const connection = new Connection(say("offline"));
startAlerts(connection);
startPreview();

// The room opens by itself while one waits here.
connection.on("consult", (hint) => {
  if (location.pathname.includes(hint.consult_id)) location.reload();
});

// Who looks at the waiting room is there: three looks may fail before one counts as gone.
const room = document.querySelector<HTMLElement>("#waiting-room");
setInterval(() => {
  const seen = room?.firstElementChild;
  if (room && seen && !room.querySelector("input:checked")) void follow(room, seen, room.dataset.address ?? "");
}, 15_000);
