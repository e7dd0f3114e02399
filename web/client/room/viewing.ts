// Tells the server how high each picture is shown, when that has settled.

import type { Connection } from "../core/connection.ts";
import { Heights } from "../core/heights.ts";
import type { Stage } from "./stage.ts";

const SETTLE_MS = 300;
/** A page that nobody sees for that long needs no pictures. */
const HIDDEN_MS = 5_000;

export class Viewing {
  readonly #connection: Connection;
  readonly #consultId: string;
  readonly #stage: Stage;
  readonly #heights = new Heights();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #hidden = false;

  constructor(connection: Connection, consultId: string, stage: Stage, root: HTMLElement) {
    this.#connection = connection;
    this.#consultId = consultId;
    this.#stage = stage;
    stage.onPlaced = () => this.changed();
    new ResizeObserver(() => this.changed()).observe(root);
    let hiding: ReturnType<typeof setTimeout> | undefined;
    document.addEventListener("visibilitychange", () => {
      clearTimeout(hiding);
      if (document.hidden) hiding = setTimeout(() => this.#hide(true), HIDDEN_MS);
      else this.#hide(false);
    });
  }

  /** Something may be shown in another size now. */
  changed(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.now(), SETTLE_MS);
  }

  /** Tell it at once; `renewed`: to a subscription that knows nothing yet. */
  now(renewed = false): void {
    if (renewed) this.#heights.renew();
    if (!this.#connection.connected) return;
    const shown = this.#stage.heights();
    if (this.#hidden) for (const track of shown.keys()) shown.set(track, 0);
    const heights = this.#heights.changes(shown);
    if (heights === null) return;
    this.#connection
      .call("prefer", { consult_id: this.#consultId, heights })
      .catch(() => this.#heights.forget(Object.keys(heights)));
  }

  #hide(hidden: boolean): void {
    this.#hidden = hidden;
    this.now();
  }
}
