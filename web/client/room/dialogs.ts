// The room's questions: end for everybody, invite a third person; and on a narrow screen, which part shows.

import type { Connection } from "../core/connection.ts";
import { load } from "../fragments.ts";

function find<T extends HTMLElement>(selector: string): T | null {
  return document.querySelector<T>(selector);
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : "";
}

/** `fail` says in the room why an act was refused. */
export function startDialogs(connection: Connection, consultId: string, fail: (message: string) => void): void {
  const end = find<HTMLDialogElement>("#end-dialog");
  find("#end-consult")?.addEventListener("click", () => end?.showModal());
  find("#end-confirm")?.addEventListener("click", () => {
    connection
      .call("end_consult", { consult_id: consultId })
      .catch((error: unknown) => fail(reason(error)))
      .finally(() => end?.close());
  });

  const invite = find<HTMLDialogElement>("#invite-dialog");
  for (const button of document.querySelectorAll("#invite, [data-invite]")) {
    button.addEventListener("click", () => {
      find("#more")?.removeAttribute("open");
      const choice = find("#invitee");
      if (choice) void load(choice, `/consults/${consultId}/invitees`);
      invite?.showModal();
    });
  }
  find<HTMLFormElement>("#invite-form")?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = new FormData(event.target as HTMLFormElement);
    const problem = find("#invite-problem") as HTMLElement;
    try {
      await connection.call("invite", {
        consult_id: consultId,
        staff_id: String(form.get("staff_id") ?? ""),
        role: String(form.get("role") ?? "invited"),
        sees_book: form.get("sees_book") === "on",
      });
      problem.textContent = "";
      invite?.close();
    } catch (error) {
      problem.textContent = reason(error);
    }
  });
  for (const button of document.querySelectorAll<HTMLElement>("[data-close]")) {
    button.addEventListener("click", () => button.closest("dialog")?.close());
  }
}

/** The menu of further acts closes by Escape, and when somebody turns to something else. */
export function startMenu(): void {
  const menu = find<HTMLDetailsElement>("#more");
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu?.open) return;
    menu.open = false;
    menu.querySelector("summary")?.focus();
  });
  document.addEventListener("click", (event) => {
    if (menu?.open && event.target instanceof Node && !menu.contains(event.target)) menu.open = false;
  });
}

/** On a narrow screen one part shows below the video; the switch chooses which. */
export function startSwitch(page: HTMLElement): void {
  const links = document.querySelectorAll<HTMLAnchorElement>("a[data-part]");
  for (const link of links) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      page.dataset["part"] = link.dataset["part"] ?? "book";
      for (const other of links) other.removeAttribute("aria-current");
      link.setAttribute("aria-current", "true");
    });
  }
}
