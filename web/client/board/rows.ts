// A list of rows in order, keyed by consult: an increment touches its own row, and time runs for those in sight.

import { leftOf, placeIn } from "../core/board.ts";
import type { BoardRow } from "../core/protocol.ts";
import { RowView } from "./row_view.ts";

export class Rows {
  readonly #list: HTMLElement;
  readonly #views = new Map<string, RowView>();
  #order: BoardRow[] = [];
  readonly #seen = new Set<RowView>();
  readonly #sight: IntersectionObserver;

  constructor(list: HTMLElement, now: () => number) {
    this.#list = list;
    this.#sight = new IntersectionObserver(
      (changes) => {
        for (const change of changes) {
          const view = this.#views.get((change.target as HTMLElement).dataset["consult"] ?? "");
          if (view === undefined) continue;
          if (change.isIntersecting) {
            this.#seen.add(view);
            view.tick(now());
          } else this.#seen.delete(view);
        }
      },
      { root: list, rootMargin: "100px" },
    );
    list.addEventListener("keydown", (event) => this.#step(event));
  }

  get size(): number {
    return this.#order.length;
  }

  row(consultId: string): BoardRow | undefined {
    return this.#views.get(consultId)?.row;
  }

  /** Show a row, unless a newer one of the same consult stands there. */
  put(row: BoardRow, now: number): void {
    const known = this.#views.get(row.consult_id);
    if (known === undefined) {
      const view = new RowView(row);
      this.#views.set(row.consult_id, view);
      this.#insert(view);
      this.#sight.observe(view.item);
      return;
    }
    if (known.row.number > row.number) return;
    const before = known.row;
    known.show(row);
    if (this.#seen.has(known)) known.tick(now);
    const place = this.#order.indexOf(before);
    this.#order[place] = row;
    const [above, below] = [this.#order[place - 1], this.#order[place + 1]];
    const moves = (above !== undefined && placeIn([above], row) === 0) || (below !== undefined && placeIn([below], row) === 1);
    if (moves) {
      this.#order.splice(place, 1);
      this.#insert(known);
    }
  }

  drop(consultId: string): void {
    const view = this.#views.get(consultId);
    if (view === undefined) return;
    const focused = view.item.contains(document.activeElement);
    const next = view.item.nextElementSibling ?? view.item.previousElementSibling;
    this.#views.delete(consultId);
    this.#seen.delete(view);
    this.#sight.unobserve(view.item);
    const place = this.#order.indexOf(view.row);
    if (place >= 0) this.#order.splice(place, 1);
    view.item.remove();
    if (focused) (next instanceof HTMLElement ? next : this.#list).focus({ preventScroll: true });
  }

  /** Let time run for what is in sight. */
  tick(now: number): void {
    for (const view of this.#seen) view.tick(now);
  }

  /** How many have passed their time. */
  late(now: number): number {
    return this.#order.reduce((count, row) => count + ((leftOf(row, now) ?? 0) < 0 ? 1 : 0), 0);
  }

  /** How many run beyond their booked end. */
  overrun(now: number): number {
    return this.#order.reduce((count, row) => count + (row.ends_at !== null && Date.parse(row.ends_at) < now ? 1 : 0), 0);
  }

  ids(): string[] {
    return [...this.#views.keys()];
  }

  #insert(view: RowView): void {
    const place = placeIn(this.#order, view.row);
    const after = this.#order[place];
    this.#order.splice(place, 0, view.row);
    const next = after === undefined ? null : this.#views.get(after.consult_id)?.item ?? null;
    const focused = view.item.contains(document.activeElement) ? (document.activeElement as HTMLElement) : null;
    this.#list.insertBefore(view.item, next);
    focused?.focus({ preventScroll: true });
  }

  #step(event: KeyboardEvent): void {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const here = event.target instanceof Element ? event.target.closest("li") : null;
    const down = event.key === "ArrowDown";
    const to = here === null ? this.#list.querySelector("li") : down ? here.nextElementSibling : here.previousElementSibling;
    if (!(to instanceof HTMLElement)) return;
    event.preventDefault();
    to.focus();
  }
}
