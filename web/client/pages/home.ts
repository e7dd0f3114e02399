// The start page's own clockwork: a room that opens, people who come and go, and the ring to be tried.

import { RingTone } from "../elements/ring_tone.ts";
import { load } from "../fragments.ts";

const LOOK_MS = 60_000;
const SOON_MS = 15_000;
const TONE_MS = 4_500;

const looks = new Map<HTMLElement, ReturnType<typeof setTimeout>>();

function look(section: HTMLElement): void {
  const address = section.dataset["live"];
  if (address && !document.hidden && !section.contains(document.activeElement)) void load(section, address);
}

/** Ask for a section again when the next room in it opens; by this browser's clock, so never in a hurry. */
function plan(): void {
  for (const section of document.querySelectorAll<HTMLElement>("[data-live]")) {
    clearTimeout(looks.get(section));
    const opens = Array.from(section.querySelectorAll<HTMLElement>("[data-opens]"), (mark) => Date.parse(mark.dataset["opens"] ?? ""));
    if (opens.length === 0) continue;
    const wait = Math.min(...opens) - Date.now() + 1_000;
    looks.set(section, setTimeout(() => look(section), Math.max(wait, SOON_MS)));
  }
}

document.addEventListener("fragment", plan);
plan();
// Who is signed in changes without any word from the server.
setInterval(() => {
  for (const section of document.querySelectorAll<HTMLElement>("#on-call, #colleagues")) look(section);
}, LOOK_MS);

const trial = document.querySelector<HTMLButtonElement>("#try-ring");
if (trial) {
  const tone = new RingTone();
  let silence: ReturnType<typeof setTimeout> | undefined;
  trial.hidden = false;
  trial.addEventListener("click", () => {
    clearTimeout(silence);
    tone.start();
    silence = setTimeout(() => tone.stop(), TONE_MS);
  });
}
