// Forms and links with data-fragment-target="#id" fetch their answer and put it into that element, without a new page.

import { clientKey } from "./core/protocol.ts";

const HEADER = { "X-Fragment": "1" };

/** The number of the last request for an element: an answer that was overtaken is not shown any more. */
const asked = new WeakMap<Element, number>();

/** Resolves when nobody types in the element: what is half written there is not taken away. */
async function unused(target: Element): Promise<void> {
  while (target.querySelector("input:focus, textarea:focus, select:focus") !== null) {
    await new Promise<void>((resolve) => target.addEventListener("focusout", () => setTimeout(resolve), { once: true }));
  }
}

/** A selector for what has the focus in the element, where it has an address or an id; empty for nothing. */
function held(target: Element): string {
  const focused = target.contains(document.activeElement) ? document.activeElement : null;
  if (focused?.id) return `#${CSS.escape(focused.id)}`;
  const href = focused?.getAttribute("href");
  return href ? `[href="${CSS.escape(href)}"]` : "";
}

/**
 * Fetch an address of this site into an element that is in use: focus, places and what is being typed stay. Another
 * request for the element goes before, and so does whatever takes `mark` out of it. False when no answer came.
 */
export async function follow(target: Element, mark: Element, address: string): Promise<boolean> {
  const number = asked.get(target);
  const isOvertaken = (): boolean => asked.get(target) !== number || !target.contains(mark);
  let text: string;
  try {
    const response = await fetch(address, { headers: HEADER });
    if (response.headers.get("X-Fragment") === null) return isOvertaken();
    text = await response.text();
  } catch {
    return isOvertaken();
  }
  await unused(target);
  if (isOvertaken()) return true;
  const focus = held(target);
  const scrolled = target.querySelector(".book-body")?.scrollTop ?? 0;
  target.innerHTML = text;
  target.querySelector(".book-body")?.scrollTo(0, scrolled);
  if (focus) target.querySelector<HTMLElement>(focus)?.focus({ preventScroll: true });
  target.dispatchEvent(new CustomEvent("fragment", { bubbles: true }));
  return true;
}

/** `place` is the part of an address behind its #: what one wanted to see in there. */
async function put(target: Element, request: Promise<Response>, place = ""): Promise<void> {
  const number = (asked.get(target) ?? 0) + 1;
  asked.set(target, number);
  target.setAttribute("aria-busy", "true");
  try {
    const response = await request;
    if (asked.get(target) !== number) return;
    if (response.headers.get("X-Fragment") === null) {
      // Not a fragment: signed out, locked, or a page of its own.
      location.assign(response.url);
      return;
    }
    const text = await response.text();
    if (asked.get(target) !== number) return;
    const inside = target.contains(document.activeElement);
    target.innerHTML = text;
    // Who works by keyboard goes on from where the new content begins, not from the top of the page.
    const wanted = place && target.querySelector<HTMLElement>(`#${CSS.escape(place)}`);
    const focus = wanted || target.querySelector<HTMLElement>("[autofocus], [aria-invalid=true]");
    (focus ?? (inside ? target.querySelector<HTMLElement>("[aria-current]") : null))?.focus();
    target.dispatchEvent(new CustomEvent("fragment", { bubbles: true }));
  } catch {
    const note = target.querySelector("[data-offline]");
    if (note) note.removeAttribute("hidden");
  } finally {
    if (asked.get(target) === number) target.removeAttribute("aria-busy");
  }
}

/** What was typed has arrived: the form is for the next thing, under a key of its own. */
function reset(form: HTMLFormElement): void {
  form.reset();
  const key = form.elements.namedItem("client_id");
  if (key instanceof HTMLInputElement) key.value = clientKey();
}

function targetOf(element: HTMLElement): Element | null {
  const selector = element.dataset["fragmentTarget"];
  return selector ? document.querySelector(selector) : null;
}

/** Fetch an address of this site into an element. */
export function load(target: Element, address: string): Promise<void> {
  return put(target, fetch(address, { headers: HEADER }));
}

export function startFragments(): void {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement)) return;
    const target = targetOf(form);
    if (target === null) return;
    event.preventDefault();
    const body = new URLSearchParams();
    const submitter = event.submitter instanceof HTMLButtonElement ? event.submitter : null;
    for (const [name, value] of new FormData(form, submitter)) if (typeof value === "string") body.append(name, value);
    const address = submitter?.getAttribute("formaction") ?? form.action;
    if (form.method === "get") void put(target, fetch(`${form.action}?${body}`, { headers: HEADER }));
    else {
      const request = fetch(address, { method: "POST", headers: HEADER, body });
      if ("resets" in form.dataset) void request.then((response) => response.ok && reset(form)).catch(() => undefined);
      void put(target, request);
    }
  });
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    const link = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>("a[data-fragment-target]") : null;
    const target = link && targetOf(link);
    if (!link || !target) return;
    event.preventDefault();
    void put(target, fetch(link.href, { headers: HEADER }), new URL(link.href).hash.slice(1));
  });
}
