// The normal distribution and integrals against it: the quadrature of src/relume/acts/gain.py
// and the flat stretches of src/relume/cards/flatness.py.
import type { Bound } from "./types";

const ROOT2 = Math.SQRT2;

/** erfc(x) exp(x^2) for x >= 0: a series for 1 - erf near 0, a continued fraction beyond. */
function erfcx(x: number): number {
  if (x < 2.5) return Math.exp(x * x) * (1 - series(x));
  let tail = 0;
  for (let k = 120; k >= 1; k--) tail = k / 2 / (x + tail);
  return 1 / (x + tail) / Math.sqrt(Math.PI);
}

function series(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < 80 && term > 1e-18 * sum; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** factor exp(-z^2 / 2), with z^2 split so that its rounding is not amplified. */
export function bell(z: number, factor: number): number {
  z = Math.max(-40, Math.min(40, z));
  const coarse = Math.round(z * 16) / 16;
  const root = Math.exp((-coarse * coarse) / 4);
  return factor * Math.exp((-(z - coarse) * (z + coarse)) / 2) * root * root;
}

/** Phi(z) exp(z^2 / 2) for z <= 0. */
export function halfErfcx(z: number): number {
  return 0.5 * erfcx(-Math.min(z, 0) / ROOT2);
}

/** The standard normal distribution function. */
export function phi(z: number): number {
  if (z === Infinity) return 1;
  if (z === -Infinity) return 0;
  if (z > 0) return 1 - phi(-z);
  return z < -40 ? 0 : bell(z, halfErfcx(z));
}

const REACH = 38;
const PANEL = 0.25;
const ORDER = 16;
const [NODES, WEIGHTS] = legendre(ORDER);

function legendre(n: number): [number[], number[]] {
  const nodes: number[] = [];
  const weights: number[] = [];
  for (let i = 1; i <= n; i++) {
    let x = Math.cos((Math.PI * (i - 0.25)) / (n + 0.5));
    let rate = 1;
    for (let round = 0; round < 50; round++) {
      let [one, two] = [1, 0];
      for (let k = 1; k <= n; k++) [one, two] = [((2 * k - 1) * x * one - (k - 1) * two) / k, one];
      rate = (n * (x * one - two)) / (x * x - 1);
      const move = one / rate;
      x -= move;
      if (Math.abs(move) < 1e-16) break;
    }
    nodes.push(x);
    weights.push(2 / ((1 - x * x) * rate * rate));
  }
  return [nodes, weights];
}

/** E f(z), z ~ N(mean, std^2), panels ending at the kinks. */
export function normalMean(f: (z: number) => number, kinks: readonly number[], mean = 0, std = 1): number {
  const edges: number[] = [];
  for (let i = 0; i <= (2 * REACH) / PANEL; i++) edges.push(-REACH + i * PANEL);
  for (const kink of kinks) {
    const inner = (kink - mean) / std;
    if (Math.abs(inner) < REACH && !edges.includes(inner)) edges.push(inner);
  }
  edges.sort((a, b) => a - b);
  let total = 0;
  for (let i = 0; i + 1 < edges.length; i++) {
    const [a, b] = [edges[i]!, edges[i + 1]!];
    const half = (b - a) / 2;
    for (let k = 0; k < ORDER; k++) {
      const at = (a + b) / 2 + half * NODES[k]!;
      const density = Math.exp((-at * at) / 2) / Math.sqrt(2 * Math.PI);
      if (density > 0) total += f(at * std + mean) * density * half * WEIGHTS[k]!;
    }
  }
  return total;
}

export function meanOf(act: Bound, mu: number, sigma: number): number {
  const found = normalMean(act.value, act.kinks, mu, sigma);
  return Math.abs(found) < 1e-13 ? 0 : found; // quadrature's dust around zero
}

export function spreadOf(act: Bound, mu: number, sigma: number): number {
  const centre = meanOf(act, mu, sigma);
  return Math.sqrt(normalMean((z) => (act.value(z) - centre) ** 2, act.kinks, mu, sigma));
}

/** The stretches of [-40, 40] where the slope is under 5 % of the largest; ends may be infinite. */
export function flats(act: Bound): [number, number][] {
  const flat = (z: number): boolean => Math.abs(act.slope(z)) < 0.05 * act.most;
  const border = (inside: number, outside: number): number => {
    for (let i = 0; i < 200; i++) {
      const half = (inside + outside) / 2;
      if (half === inside || half === outside) break;
      if (flat(half)) inside = half;
      else outside = half;
    }
    return inside;
  };
  const found: [number, number][] = [];
  let from: number | null = null;
  for (let i = -8000; i <= 8001; i++) {
    const now = i <= 8000 && flat(i / 200);
    if (now && from === null) from = i;
    if (!now && from !== null) {
      const low = from === -8000 ? -Infinity : border(from / 200, (from - 1) / 200);
      const high = i === 8001 ? Infinity : border((i - 1) / 200, i / 200);
      found.push([low, high]);
      from = null;
    }
  }
  return found;
}

export function flatShare(act: Bound, mu: number, sigma: number): number {
  let total = 0;
  for (const [low, high] of flats(act)) total += phi((high - mu) / sigma) - phi((low - mu) / sigma);
  return total;
}
