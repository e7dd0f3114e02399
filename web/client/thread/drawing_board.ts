// A picture of the thread, large, with what both sides drew over it. In the room one draws; elsewhere one looks.

import { clientKey, type Stroke, type StrokeKind } from "../core/protocol.ts";
import { element, icon, say } from "../words.ts";

const SVG = "http://www.w3.org/2000/svg";
/** Coordinates of the protocol count from 0 to this along each side. */
const SIDE = 10_000;
const POINTS = 200;
/** Two points of a freehand line lie at least so far from each other. */
const STEP = 40;
const LAYERS = 4;
const TOOLS: readonly StrokeKind[] = ["arrow", "circle", "freehand", "text"];

/** How strokes go out: both give the server's answer, and fail with a sentence for people. */
export interface Pencil {
  draw(attachmentId: string, stroke: { kind: StrokeKind; points: number[][]; text: string; client_id: string }): Promise<unknown>;
  undo(attachmentId: string, number: number): Promise<unknown>;
}

function shape(tag: string, attributes: Record<string, string | number>): SVGElement {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  return made;
}

export class DrawingBoard {
  readonly #consultId: string;
  readonly #pencil: Pencil | null;
  readonly #strokes = new Map<number, Stroke>();
  readonly #layers: string[] = [];
  #dialog: HTMLDialogElement | null = null;
  #svg: SVGElement | null = null;
  #picture = "";
  #self = "";
  #tool: StrokeKind = "arrow";
  #points: number[][] = [];

  /** Opens on each picture of `list` that is pressed. Without a pencil it only shows. */
  constructor(consultId: string, list: HTMLElement, pencil: Pencil | null) {
    this.#consultId = consultId;
    this.#pencil = pencil;
    list.addEventListener("click", (event) => {
      const link = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>("a.attached") : null;
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
      event.preventDefault();
      this.#open(link.dataset["attachment"] ?? "", link.href);
    });
  }

  /** Strokes that came over the socket. */
  take(strokes: readonly Stroke[]): void {
    for (const stroke of strokes) if (stroke.attachment_id === this.#picture) this.#strokes.set(stroke.number, stroke);
    this.#show();
  }

  /** What was drawn while the line was cut. */
  async look(): Promise<void> {
    const picture = this.#picture;
    if (picture === "") return;
    const response = await fetch(`/consults/${this.#consultId}/attachments/${picture}/strokes`).catch(() => null);
    if (!response?.ok || picture !== this.#picture) return;
    const told = (await response.json()) as { self: string; strokes: Stroke[] };
    this.#self = told.self;
    const there = new Set(told.strokes.map((stroke) => stroke.number));
    for (const number of this.#strokes.keys()) if (number <= Math.max(0, ...there) && !there.has(number)) this.#strokes.delete(number);
    this.take(told.strokes);
  }

  #open(picture: string, address: string): void {
    this.#picture = picture;
    this.#strokes.clear();
    this.#layers.length = 0;
    const image = element("img", { src: address, alt: say("photograph") }) as HTMLImageElement;
    this.#svg = shape("svg", { viewBox: `0 0 ${SIDE} ${SIDE}`, preserveAspectRatio: "none", role: "img", "aria-label": say("drawing") });
    const canvas = element("div", { class: "drawing-canvas" }, image, this.#svg);
    image.addEventListener("load", () => {
      // One unit is as long in both directions, so that heads of arrows and letters are not stretched.
      this.#svg?.setAttribute("viewBox", `0 0 ${image.naturalWidth} ${image.naturalHeight}`);
      this.#show();
    });
    const close = element("button", { class: "button", type: "button" }, icon("x"), say("close"));
    const problem = element("p", { class: "problem", role: "alert" });
    const bar = element("div", { class: "drawing-bar row", role: "toolbar", "aria-label": say("drawing_tools") });
    if (this.#pencil) bar.append(...this.#toolbar(problem));
    bar.append(element("span", { class: "drawing-layers row push" }), close);
    const dialog = element("dialog", { class: "drawing", "aria-label": say("photograph") }, bar, problem, canvas) as HTMLDialogElement;
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (this.#dialog === dialog) this.#picture = "";
    });
    if (this.#pencil) this.#listen(canvas, problem);
    document.body.append(dialog);
    this.#dialog = dialog;
    dialog.showModal();
    void this.look();
  }

  #toolbar(problem: HTMLElement): HTMLElement[] {
    const tools = TOOLS.map((kind) => {
      const button = element("button", { class: "button", type: "button", "data-tool": kind, "aria-pressed": String(kind === this.#tool) }, say(`draw_${kind}`));
      button.addEventListener("click", () => {
        this.#tool = kind;
        for (const other of tools) other.setAttribute("aria-pressed", String(other === button));
      });
      return button;
    });
    const words = element("input", { class: "input", id: "drawing-text", maxlength: "100", "aria-label": say("draw_words"), placeholder: say("draw_words") });
    const undo = element("button", { class: "button", type: "button", id: "drawing-undo" }, icon("out"), say("draw_undo"));
    undo.addEventListener("click", () => {
      const last = [...this.#strokes.values()].filter((stroke) => stroke.author_id === this.#self && !stroke.undone).at(-1);
      if (last) void this.#tell(this.#pencil?.undo(this.#picture, last.number), problem);
    });
    return [...tools, words, undo];
  }

  #listen(canvas: HTMLElement, problem: HTMLElement): void {
    const place = (event: PointerEvent): number[] => {
      const box = canvas.getBoundingClientRect();
      const along = (at: number, from: number, size: number) => Math.round(Math.min(1, Math.max(0, (at - from) / size)) * SIDE);
      return [along(event.clientX, box.left, box.width), along(event.clientY, box.top, box.height)];
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      canvas.setPointerCapture(event.pointerId);
      this.#points = [place(event)];
    });
    canvas.addEventListener("pointermove", (event) => {
      if (this.#points.length === 0) return;
      const next = place(event);
      const last = this.#points.at(-1) ?? next;
      if (this.#tool !== "freehand") this.#points = [this.#points[0] ?? next, next];
      else if (this.#points.length < POINTS && Math.hypot((next[0] ?? 0) - (last[0] ?? 0), (next[1] ?? 0) - (last[1] ?? 0)) >= STEP) this.#points.push(next);
      this.#show();
    });
    canvas.addEventListener("pointerup", () => {
      const points = this.#points;
      this.#points = [];
      const text = this.#tool === "text" ? (this.#dialog?.querySelector<HTMLInputElement>("#drawing-text")?.value.trim() ?? "") : "";
      if (this.#tool === "text" ? text !== "" : points.length > 1) {
        const kept = this.#tool === "text" ? points.slice(0, 1) : points;
        void this.#tell(this.#pencil?.draw(this.#picture, { kind: this.#tool, points: kept, text, client_id: clientKey() }), problem);
      } else if (this.#tool === "text") problem.textContent = say("draw_words_first");
      this.#show();
    });
    canvas.addEventListener("pointercancel", () => (this.#points = []));
  }

  async #tell(request: Promise<unknown> | undefined, problem: HTMLElement): Promise<void> {
    try {
      await request;
      problem.textContent = "";
    } catch (error) {
      problem.textContent = error instanceof Error ? error.message : "";
    }
  }

  #show(): void {
    const svg = this.#svg;
    if (!svg) return;
    const seen = [...this.#strokes.values()].filter((stroke) => !stroke.undone).sort((one, other) => one.number - other.number);
    for (const stroke of seen) if (!this.#layers.includes(stroke.author_id)) this.#layers.push(stroke.author_id);
    const hidden = new Set(Array.from(this.#dialog?.querySelectorAll<HTMLInputElement>(".drawing-layers input:not(:checked)") ?? [], (box) => box.value));
    svg.replaceChildren(...seen.filter((stroke) => !hidden.has(stroke.author_id)).map((stroke) => this.#drawn(stroke.kind, stroke.points, stroke.text, stroke.author_id, stroke.number)));
    if (this.#points.length > 1 && this.#tool !== "text") svg.append(this.#drawn(this.#tool, this.#points, "", this.#self, 0));
    const legend = this.#dialog?.querySelector(".drawing-layers");
    if (!legend || legend.childElementCount === this.#layers.length) return;
    const names = new Map(seen.map((stroke) => [stroke.author_id, stroke.author_name]));
    legend.replaceChildren(
      ...this.#layers.map((author) => {
        const box = element("input", { type: "checkbox", value: author, checked: "" });
        box.addEventListener("change", () => this.#show());
        return element("label", { "data-layer": String(this.#layers.indexOf(author) % LAYERS) }, box, author === this.#self ? say("me") : (names.get(author) ?? ""));
      }),
    );
  }

  #drawn(kind: StrokeKind, points: readonly number[][], text: string, author: string, number: number): SVGElement {
    const [, , width = SIDE, height = SIDE] = (this.#svg?.getAttribute("viewBox") ?? "").split(" ").map(Number);
    const at = points.map(([x = 0, y = 0]) => [(x * width) / SIDE, (y * height) / SIDE] as const);
    const [first = [0, 0] as const, last = first] = [at[0], at.at(-1)];
    const thick = Math.max(width, height) / 160;
    const group = shape("g", { "data-layer": Math.max(0, this.#layers.indexOf(author)) % LAYERS, "data-kind": kind, "data-number": number, "stroke-width": thick });
    const line = (d: string) => group.append(shape("path", { d, class: "halo", "stroke-width": thick * 2 }), shape("path", { d }));
    if (kind === "text") {
      const words = shape("text", { x: first[0], y: first[1], "font-size": thick * 6, "stroke-width": thick });
      words.textContent = text;
      group.append(words);
    } else if (kind === "circle") {
      const [rx, ry] = [Math.abs(last[0] - first[0]) / 2, Math.abs(last[1] - first[1]) / 2];
      const [cx, cy] = [(first[0] + last[0]) / 2, (first[1] + last[1]) / 2];
      line(`M${cx - rx} ${cy}a${rx} ${ry} 0 1 0 ${2 * rx} 0a${rx} ${ry} 0 1 0 ${-2 * rx} 0`);
    } else if (kind === "freehand") line(`M${at.map((point) => point.join(" ")).join("L")}`);
    else {
      const angle = Math.atan2(last[1] - first[1], last[0] - first[0]);
      const barb = (turn: number) => `M${last[0]} ${last[1]}l${-Math.cos(angle + turn) * thick * 5} ${-Math.sin(angle + turn) * thick * 5}`;
      line(`M${first[0]} ${first[1]}L${last[0]} ${last[1]}${barb(0.5)}${barb(-0.5)}`);
    }
    return group;
  }
}
