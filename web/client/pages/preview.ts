// Before a booked room: choose camera and microphone, see oneself, see one's own loudness.

import { startAlerts } from "../alerts.ts";
import { Connection } from "../core/connection.ts";
import { startPreview } from "../preview.ts";
import { say } from "../words.ts";

const connection = new Connection(say("offline"));
startAlerts(connection);
startPreview();

// The room opens by itself while one waits here.
connection.on("consult", (hint) => {
  if (location.pathname.includes(hint.consult_id)) location.reload();
});
