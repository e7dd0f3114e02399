// The opinion while the call runs: saved as one writes, its state said beside it.

import { clock, say } from "../words.ts";

const PAUSE_MS = 1_200;

export function startOpinion(form: HTMLFormElement): void {
  const text = form.elements.namedItem("text") as HTMLTextAreaElement;
  const version = form.elements.namedItem("version") as HTMLInputElement;
  const state = document.querySelector<HTMLElement>("#opinion-state");
  let timer: ReturnType<typeof setTimeout> | undefined;
  let saved = text.value;
  let saving = false;

  const save = async () => {
    if (saving || text.value === saved) return;
    saving = true;
    const sent = text.value;
    if (state) state.textContent = say("saving");
    try {
      const body = new URLSearchParams();
      for (const [name, value] of new FormData(form)) if (typeof value === "string") body.append(name, value);
      body.set("act", "save");
      const response = await fetch(form.action, { method: "POST", headers: { Accept: "application/json" }, body });
      const answer = (await response.json()) as { version?: number; saved_at?: string; detail?: string };
      if (!response.ok || answer.version === undefined) throw new Error(answer.detail ?? "");
      version.value = String(answer.version);
      saved = sent;
      if (state) state.textContent = say("saved", { time: clock(answer.saved_at ?? "", true) });
    } catch (error) {
      if (state) state.textContent = (error instanceof Error && error.message && !(error instanceof TypeError) && !(error instanceof SyntaxError) ? error.message : say("not_saved"));
      timer = setTimeout(save, 5_000);
    } finally {
      saving = false;
      if (saved === sent && text.value !== saved) void save();
    }
  };
  text.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(save, PAUSE_MS);
  });
  text.addEventListener("blur", () => void save());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void save();
  });
}
