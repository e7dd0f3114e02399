// Values over time as a chart needs them: one column of times, one column a line, bands of ranges. Pure.

/** Seconds since 1970, the value, and the bounds of its own reference range, all in one unit. */
export type Point = readonly [at: number, value: number, low: number | null, high: number | null];

export interface Line {
  name: string;
  points: readonly Point[];
}

/** From one moment to another, between two values; an open bound is null. */
export interface Band {
  from: number;
  to: number;
  low: number | null;
  high: number | null;
}

export interface Window {
  min: number;
  max: number;
}

const DAY = 86_400;

/** Every moment once, in order, and for each line its value there or null. */
export function columns(lines: readonly Line[]): [number[], ...(number | null)[][]] {
  const moments = [...new Set(lines.flatMap((line) => line.points.map(([at]) => at)))].sort((one, other) => one - other);
  const filled = lines.map((line) => {
    const values = new Map(line.points.map(([at, value]) => [at, value]));
    return moments.map((at) => values.get(at) ?? null);
  });
  return [moments, ...filled];
}

/** The range of each value holds half the way to its neighbours; where the range stays the same the band goes on. */
export function bands(line: Line): Band[] {
  const found: Band[] = [];
  line.points.forEach(([at, , low, high], index) => {
    const before = line.points[index - 1]?.[0] ?? at;
    const after = line.points[index + 1]?.[0] ?? at;
    const from = index === 0 ? -Infinity : (before + at) / 2;
    const to = index === line.points.length - 1 ? Infinity : (at + after) / 2;
    const last = found.at(-1);
    if (last && last.low === low && last.high === high && last.to === from) last.to = to;
    else if (low !== null || high !== null) found.push({ from, to, low, high });
  });
  return found;
}

/** The least and greatest of what is shown, values and bounds, with a tenth of room on either side. */
export function extent(lines: readonly Line[], shown: Window): Window {
  const seen = lines
    .flatMap((line) => line.points)
    .filter(([at]) => at >= shown.min && at <= shown.max)
    .flatMap(([, value, low, high]) => [value, low, high])
    .filter((value): value is number => value !== null && Number.isFinite(value));
  if (seen.length === 0) return { min: 0, max: 1 };
  const min = Math.min(...seen);
  const max = Math.max(...seen);
  const room = (max - min) / 10 || Math.abs(max) / 10 || 1;
  return { min: min - room, max: max + room };
}

/** All of the time, with room at the ends so that the first and last points are whole. */
export function whole(moments: readonly number[]): Window {
  const first = moments[0] ?? 0;
  const last = moments.at(-1) ?? 0;
  const room = (last - first) / 25 || DAY;
  return { min: first - room, max: last + room };
}

/** The last so many days up to the newest value; 0 is all. */
export function lastDays(moments: readonly number[], days: number): Window {
  const all = whole(moments);
  return days === 0 ? all : { min: Math.max(all.min, (moments.at(-1) ?? 0) - days * DAY), max: all.max };
}

/** Nearer (`factor` below 1) or farther around the middle, never beyond all of it. */
export function zoomed(shown: Window, factor: number, all: Window): Window {
  const middle = (shown.min + shown.max) / 2;
  const half = Math.max(((shown.max - shown.min) / 2) * factor, DAY / 24);
  return { min: Math.max(all.min, middle - half), max: Math.min(all.max, middle + half) };
}

/** Along the time by a share of what is shown, stopping at the ends. */
export function moved(shown: Window, share: number, all: Window): Window {
  const width = shown.max - shown.min;
  const min = Math.min(Math.max(shown.min + width * share, all.min), all.max - width);
  return { min, max: min + width };
}
