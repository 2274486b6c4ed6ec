// Reads a stat over steps as the page has it: numbers, or two characters a value (series_encoder.py).

/** Numbers, or `log` or `even`, the two ends and the letters in one text. */
export type Values = (number | string)[] | string;
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
  const [kind, least, greatest, letters = ""] = given.split(" ");
  const ends = [Number(least), Number(greatest)];
  const [a = 0, b = 0] = kind === "log" ? ends.map(Math.log10) : ends;
  for (let i = 0; i + 1 < letters.length; i += 2) {
    const one = PLACES.get(letters[i] ?? "") ?? 0;
    const two = PLACES.get(letters[i + 1] ?? "") ?? 0;
    const code = one * ALPHABET.length + two;
    const at = a + (b - a) * ((code - LOST.length) / LEVELS);
    found.push(LOST[code] ?? (kind === "log" ? 10 ** at : at));
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
