// A signature by a line that may break: what got no answer is asked again until there is one. The server takes the same
// signature once, however often it is asked, so nobody has to know whether the first try arrived.

import { say } from "../words.ts";

const AGAIN_MS = 2_000;

export function signing(form: HTMLFormElement): void {
  const told = form.querySelector("[data-sending]") as HTMLElement;
  const button = form.querySelector("button[type=submit]") as HTMLButtonElement;
  let wake: (() => void) | undefined;
  const pause = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
      setTimeout(resolve, AGAIN_MS);
    });
  window.addEventListener("online", () => wake?.());

  async function send(): Promise<void> {
    const body = new URLSearchParams([...new FormData(form)] as [string, string][]);
    button.disabled = true;
    for (;;) {
      const response = await fetch(form.action, { method: "POST", headers: { Accept: "application/json" }, body }).catch(() => null);
      if (response?.ok) {
        location.assign(`${form.dataset["page"] ?? ""}`);
        return;
      }
      told.hidden = false;
      if (response !== null && response.status < 500) {
        const answer = (await response.json().catch(() => null)) as { detail?: string } | null;
        told.textContent = answer?.detail ?? say("refused");
        told.dataset["state"] = "refused";
        button.disabled = false;
        return;
      }
      told.textContent = say("unanswered");
      told.dataset["state"] = "unanswered";
      await pause();
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void send();
  });
}
