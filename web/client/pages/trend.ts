// Draws one thing over time, to zoom and move in: fetched when the first chart is looked at, and not before.

import uPlot from "uplot";
import { bands, columns, extent, lastDays, type Line, moved, whole, type Window, zoomed } from "../core/trend.ts";

interface Chart {
  unit: string;
  zone: string;
  language: string;
  lines: Line[];
}

const HEIGHT = 200;
const DAY = 86_400;
const YEAR = 366 * DAY;

function colours(figure: HTMLElement): (name: string) => string {
  const style = getComputedStyle(figure);
  return (name) => style.getPropertyValue(`--${name}`).trim();
}

/** Day and month in figures, the same in both languages; with the year over a long time, with the hour within a few days. */
function dayWriter(chart: Chart): (seconds: number, span: number) => string {
  const form = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat("en-GB", { timeZone: chart.zone, ...options });
  const [hours, days, months] = [
    form({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" }),
    form({ day: "2-digit", month: "2-digit" }),
    form({ month: "2-digit", year: "numeric" }),
  ];
  return (seconds, span) => (span < 2 * DAY ? hours : span < YEAR ? days : months).format(seconds * 1000);
}

export function draw(figure: HTMLElement): void {
  const chart = JSON.parse(figure.dataset["trend"] ?? "{}") as Chart;
  const place = figure.querySelector<HTMLElement>(".trend-chart");
  if (!place || chart.lines.length === 0) return;
  const data = columns(chart.lines);
  const moments = data[0];
  const all = whole(moments);
  const numbers = new Intl.NumberFormat(chart.language === "vi" ? "vi-VN" : "en-GB", { maximumFractionDigits: 3 });
  const write = dayWriter(chart);
  const ranges = chart.lines.map(bands);
  let plot: uPlot | null = null;

  const build = (shown: Window): void => {
    plot?.destroy();
    const colour = colours(figure);
    const font = `13px ${getComputedStyle(document.body).fontFamily}`;
    const axis: uPlot.Axis = { stroke: colour("ink-muted"), font, grid: { stroke: colour("line"), width: 1 }, ticks: { show: false } };
    plot = new uPlot(
      {
        width: place.clientWidth,
        height: HEIGHT,
        padding: [8, 8, 0, 0],
        legend: { show: false },
        cursor: { drag: { x: true, y: false, setScale: true }, points: { size: 9 } },
        scales: {
          x: { time: true, range: (_plot, min, max) => [min ?? shown.min, max ?? shown.max] },
          y: {
            range: (self) => {
              const { min, max } = self.scales["x"] as { min?: number; max?: number };
              const seen = extent(chart.lines, { min: min ?? shown.min, max: max ?? shown.max });
              return [seen.min, seen.max];
            },
          },
        },
        axes: [
          { ...axis, size: 30, space: 70, values: (self, splits) => splits.map((at) => write(at, (self.scales["x"]?.max ?? 0) - (self.scales["x"]?.min ?? 0))) },
          { ...axis, size: 52, values: (_self, splits) => splits.map((value) => numbers.format(value)) },
        ],
        series: [
          {},
          ...chart.lines.map((line, index): uPlot.Series => ({
            label: line.name,
            stroke: colour(index === 0 ? "accent" : "routine"),
            width: 2,
            spanGaps: true,
            ...(index === 0 ? {} : { dash: [6, 4] }),
            points: { show: true, size: 7, fill: colour("surface") },
          })),
        ],
        hooks: {
          drawClear: [
            (self) => {
              const { ctx, bbox } = self;
              ctx.save();
              ctx.beginPath();
              ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
              ctx.clip();
              ctx.fillStyle = colour("ok-soft");
              for (const band of ranges.flat()) {
                const x = (at: number, open: number) => (Number.isFinite(at) ? self.valToPos(at, "x", true) : open);
                const left = x(band.from, bbox.left);
                const right = x(band.to, bbox.left + bbox.width);
                const top = band.high === null ? bbox.top : self.valToPos(band.high, "y", true);
                const bottom = band.low === null ? bbox.top + bbox.height : self.valToPos(band.low, "y", true);
                ctx.fillRect(left, top, right - left, bottom - top);
              }
              ctx.restore();
            },
          ],
          setCursor: [
            (self) => {
              const index = self.cursor.idx;
              place.title = index === null || index === undefined ? "" : told(index);
            },
          ],
          setScale: [(_self, key) => key === "x" && tell()],
        },
      },
      data,
      place,
    );
    plot.setScale("x", shown);
  };

  const told = (index: number): string => {
    const values = data.slice(1).map((column) => column[index]).filter((value) => value !== null && value !== undefined);
    return `${write(moments[index] ?? 0, DAY * 30)}: ${values.map((value) => numbers.format(value as number)).join(" / ")} ${chart.unit}`;
  };

  const now = (): Window => ({ min: plot?.scales["x"]?.min ?? all.min, max: plot?.scales["x"]?.max ?? all.max });
  const buttons = Array.from(figure.querySelectorAll<HTMLButtonElement>("[data-days]"));

  /** Which of the buttons says what is shown. */
  const tell = (): void => {
    const shown = now();
    figure.dataset["from"] = String(Math.round(shown.min));
    figure.dataset["to"] = String(Math.round(shown.max));
    for (const button of buttons) {
      const same = lastDays(moments, Number(button.dataset["days"]));
      button.setAttribute("aria-pressed", String(Math.abs(same.min - shown.min) < 60 && Math.abs(same.max - shown.max) < 60));
    }
  };

  for (const button of buttons) {
    const days = Number(button.dataset["days"]);
    // A window as long as all there is, or longer, offers nothing.
    button.hidden = days !== 0 && lastDays(moments, days).min <= all.min;
    button.addEventListener("click", () => plot?.setScale("x", lastDays(moments, days)));
  }
  const tools = figure.querySelector<HTMLElement>(".trend-tools");
  if (tools) tools.hidden = buttons.filter((button) => !button.hidden).length < 2;

  place.addEventListener("keydown", (event) => {
    const next = {
      "+": () => zoomed(now(), 0.6, all),
      "=": () => zoomed(now(), 0.6, all),
      "-": () => zoomed(now(), 1 / 0.6, all),
      "0": () => all,
      ArrowLeft: () => moved(now(), -0.25, all),
      ArrowRight: () => moved(now(), 0.25, all),
    }[event.key];
    if (!next || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    plot?.setScale("x", next());
  });

  build(all);
  new ResizeObserver(() => {
    if (place.clientWidth > 0 && plot && plot.width !== place.clientWidth) plot.setSize({ width: place.clientWidth, height: HEIGHT });
  }).observe(place);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => place.isConnected && build(now()));
}
