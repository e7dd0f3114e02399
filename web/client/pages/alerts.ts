// Every page of a person who is signed in: rings and notices, fragments, and a fresh look when something changed.

import { startAlerts } from "../alerts.ts";
import { Connection } from "../core/connection.ts";
import { load, startFragments } from "../fragments.ts";
import { startMenus } from "../menus.ts";
import { say } from "../words.ts";

const connection = new Connection(say("offline"));
startAlerts(connection);
startFragments();
startMenus();

// Lists that live: the server is asked again a moment after the last hint.
const lists = Array.from(document.querySelectorAll<HTMLElement>("[data-live]"));
if (lists.length > 0) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      for (const list of lists) {
        const address = list.dataset["live"];
        if (address && !list.contains(document.activeElement)) void load(list, address);
      }
    }, 150);
  };
  connection.on("consult", look);
  connection.on("agenda", look);
  connection.on("oversight", look);
  // What no hint tells of, such as terminals, is asked for every so many seconds, while somebody looks.
  const every = Math.min(...lists.map((list) => Number(list.dataset["liveEvery"] ?? Infinity)));
  if (Number.isFinite(every)) setInterval(() => !document.hidden && look(), every * 1000);
}
