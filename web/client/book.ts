// The health book on a page: keys, charts, places inside a tab, and on a phone the drawer over the picture.

import { follow } from "./fragments.ts";

const SWIPE_PX = 48;
const AGAIN_MS = 3000;

/** What the script of charts offers; it is fetched when the first chart is to be drawn. */
interface Charts {
  draw(figure: HTMLElement): void;
}

function charts(book: HTMLElement): void {
  for (const figure of book.querySelectorAll<HTMLElement>("[data-trend]:not([data-drawn])")) {
    const script = figure.dataset["script"];
    if (!script) continue;
    figure.dataset["drawn"] = "";
    // Without the script the table below says all of it.
    (import(script) as Promise<Charts>).then((loaded) => loaded.draw(figure)).catch(() => delete figure.dataset["drawn"]);
  }
}

/** Arrows go along the tabs, as along any line of choices; Home and End to its ends. */
function alongTabs(event: KeyboardEvent): void {
  const tab = event.target instanceof Element ? event.target.closest<HTMLElement>(".book-tabs a") : null;
  if (!tab?.parentElement) return;
  const tabs = Array.from(tab.parentElement.querySelectorAll<HTMLElement>("a"));
  const last = tabs.length - 1;
  const at = tabs.indexOf(tab);
  const to = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at === 0 ? last : at - 1, Home: 0, End: last }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  tabs[to]?.focus();
}

function types(element: EventTarget | null): boolean {
  return element instanceof HTMLElement && (element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName));
}

/** On a narrow line of tabs the one that is shown stands in sight. */
function showTab(book: HTMLElement): void {
  const tabs = book.querySelector<HTMLElement>(".book-tabs");
  const tab = tabs?.querySelector<HTMLElement>("[aria-current]");
  if (tabs && tab) tabs.scrollLeft = tab.offsetLeft - (tabs.clientWidth - tab.clientWidth) / 2;
}

/** Sources that were late are waited for by a request of its own, twice on a line that breaks; it brings the whole tab. */
async function late(book: HTMLElement): Promise<void> {
  const mark = book.querySelector<HTMLElement>("[data-late]:not([data-asked])");
  const address = mark?.dataset["late"];
  if (!mark || !address) return;
  mark.dataset["asked"] = "";
  for (let attempt = 0; attempt < 2; attempt++) {
    if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    if (!mark.isConnected) return; // another tab was opened, or another patient's book
    if (!(await follow(book, mark, address))) continue;
    const news = document.querySelector("#book-news");
    if (news && !mark.isConnected) news.textContent = mark.dataset["arrived"] ?? "";
    return;
  }
  mark.querySelector("[data-offline]")?.removeAttribute("hidden");
}

export function startBook(book: HTMLElement): void {
  const fresh = (): void => {
    charts(book);
    showTab(book);
    void late(book);
  };
  fresh();
  book.addEventListener("fragment", fresh);
  book.addEventListener("parts", () => void late(book));
  book.addEventListener("keydown", alongTabs);
  book.addEventListener("click", (event) => {
    // A jump inside a tab scrolls the book alone and takes the keyboard along.
    const jump = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>(".jumps a") : null;
    const place = jump && book.querySelector<HTMLElement>(`#${CSS.escape(jump.hash.slice(1))}`);
    if (!place) return;
    event.preventDefault();
    place.scrollIntoView({ block: "start" });
    place.focus({ preventScroll: true });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || types(event.target)) return;
    const search = book.querySelector<HTMLElement>("[data-key='/']");
    if (!search || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    search.click();
  });
}

/**
 * On a phone the book is a drawer: closed it shows who the patient is and the red line below the picture; open it
 * covers the page, and the picture stays as a small tile. The picture's element never moves; only its place does.
 */
export function startDrawer(page: HTMLElement, handle: HTMLElement, book: HTMLElement, stage: HTMLElement): void {
  const phone = matchMedia("(max-width: 44rem)");
  const isOpen = (): boolean => phone.matches && page.dataset["drawer"] === "open";
  const show = (open: boolean): void => {
    if (!phone.matches || open === isOpen()) return;
    page.dataset["drawer"] = open ? "open" : "closed";
    handle.setAttribute("aria-expanded", String(open));
    if (!open) book.querySelector(".book-body")?.scrollTo(0, 0);
  };
  handle.addEventListener("click", () => show(!isOpen()));
  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    if (!target?.closest("[data-opens-book], .book-tabs a")) return;
    target.closest("details")?.removeAttribute("open");
    show(true);
  });
  // A tap on the small picture makes it large again; its own button is not in the way then.
  stage.addEventListener("click", (event) => {
    if (!isOpen()) return;
    event.preventDefault();
    event.stopPropagation();
    show(false);
  }, true);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !isOpen() || document.querySelector("dialog[open], details[open] > .menu-body")) return;
    show(false);
    if (handle.offsetParent !== null) handle.focus();
  });
  let from: number | null = null;
  const begin = (event: TouchEvent): void => {
    from = event.touches.length === 1 ? (event.touches[0]?.clientY ?? null) : null;
  };
  const end = (event: TouchEvent): void => {
    const to = event.changedTouches[0]?.clientY;
    if (from === null || to === undefined) return;
    if (to - from > SWIPE_PX) show(false);
    else if (from - to > SWIPE_PX) show(true);
    from = null;
  };
  // The handle and the patient's head are what one swipes; the list below scrolls.
  for (const element of [handle, book]) {
    element.addEventListener("touchstart", (event) => {
      from = null;
      if (element === handle || (event.target instanceof Element && event.target.closest(".patient, .redline"))) begin(event);
    }, { passive: true });
    element.addEventListener("touchend", end, { passive: true });
  }
}
