// A stat over steps as the page was given it: numbers, or two characters a value (pixels.py).

export type Packed = { p: string; a: number; b: number; log: number };
export type Values = (number | string)[] | Packed;
export interface Raw {
  g: number;
  c?: number;
  v?: Values;
  lo?: Values;
  hi?: Values;
}
/** `low` is `high` where every value is there; else both are extremes of stretches. */
export interface Series {
  steps: readonly number[];
  low: readonly number[];
  high: readonly number[];
}

const ALPHABET = [...Array(94).keys()]
  .map((i) => String.fromCharCode(33 + i))
  .filter((char) => !"\"&'/<>\\`".includes(char));
const PLACES = new Map(ALPHABET.map((char, i) => [char, i]));
const LOST = [NaN, Infinity, -Infinity];
const LEVELS = ALPHABET.length ** 2 - LOST.length - 1;

export function series(raw: Raw, grids: readonly (readonly number[])[]): Series {
  const steps = grids[raw.g] ?? [];
  if (raw.c !== undefined) {
    const all = steps.map(() => raw.c ?? 0);
    return { steps, low: all, high: all };
  }
  const low = values(raw.v ?? raw.lo ?? []);
  return { steps, low, high: raw.hi ? values(raw.hi) : low };
}

export function values(given: Values): number[] {
  if (Array.isArray(given)) return given.map(finite);
  const found: number[] = [];
  const [a, b] = given.log ? [Math.log10(given.a), Math.log10(given.b)] : [given.a, given.b];
  for (let i = 0; i + 1 < given.p.length; i += 2) {
    const one = PLACES.get(given.p[i] ?? "") ?? 0;
    const two = PLACES.get(given.p[i + 1] ?? "") ?? 0;
    const code = one * ALPHABET.length + two;
    const at = a + (b - a) * ((code - LOST.length) / LEVELS);
    found.push(LOST[code] ?? (given.log ? 10 ** at : at));
  }
  return found;
}

/** A number that JSON has no sign for came as a word. */
export function finite(value: number | string): number {
  if (typeof value === "number") return value;
  return value === "inf" ? Infinity : value === "-inf" ? -Infinity : NaN;
}

export function last(of: Series | undefined): number {
  return of?.high[of.high.length - 1] ?? NaN;
}

export function points(of: Series): [number, number][] {
  return of.steps.map((step, i) => [step, of.high[i] ?? NaN]);
}
