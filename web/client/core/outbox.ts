// Lines that the server has not kept yet: in order, each once, and still there after a reload.

import type { Copies } from "./copies.ts";

export interface Line {
  client_id: string;
  text: string;
}

/** Sends one line: true when the server has it (or had it before), false when there was no answer. */
export type Send = (line: Line) => Promise<boolean>;

const WIDTH = 6;

export class Outbox {
  readonly #name: string;
  readonly #copies: Copies | null;
  #lines: { line: Line; copy: string }[] = [];
  #next = 0;

  /** Without `copies` it lives as long as the page. */
  constructor(name: string, copies: Copies | null) {
    this.#name = `outbox.${name}.`;
    this.#copies = copies;
  }

  /** Bring back what an earlier page left, before what this one adds. */
  async restore(): Promise<readonly Line[]> {
    const found: { line: Line; copy: string }[] = [];
    for (const copy of this.#copies?.names(this.#name) ?? []) {
      const kept = await this.#copies?.kept(copy);
      if (kept) found.push({ line: JSON.parse(kept) as Line, copy });
      this.#next = Math.max(this.#next, Number(copy.slice(this.#name.length)) + 1);
    }
    const known = new Set(this.#lines.map(({ line }) => line.client_id));
    this.#lines = [...found.filter(({ line }) => !known.has(line.client_id)), ...this.#lines];
    return this.lines;
  }

  get lines(): readonly Line[] {
    return this.#lines.map(({ line }) => line);
  }

  async add(line: Line): Promise<void> {
    const copy = `${this.#name}${String(this.#next++).padStart(WIDTH, "0")}`;
    this.#lines.push({ line, copy });
    await this.#copies?.keep(copy, JSON.stringify(line));
  }

  drop(clientId: string): void {
    for (const { copy } of this.#lines.filter(({ line }) => line.client_id === clientId)) this.#copies?.drop(copy);
    this.#lines = this.#lines.filter(({ line }) => line.client_id !== clientId);
  }

  /** Send in order; the first that gets no answer stops it, and nothing overtakes it. True when nothing is left. */
  async flush(send: Send): Promise<boolean> {
    for (let [first] = this.#lines; first !== undefined; [first] = this.#lines) {
      if (!(await send(first.line))) return false;
      this.drop(first.line.client_id);
    }
    return true;
  }
}
