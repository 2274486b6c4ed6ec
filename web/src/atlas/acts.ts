// The acts by the formulas of src/relume/acts: value, slope, largest slope and kinks, in double
// precision, without cancellation or overflow; tests/atlas holds them against the Python acts.
import { bell, halfErfcx, phi } from "./normal";
import type { Bound } from "./types";

export type Parameters = Readonly<Record<string, number>>;
export interface Act {
  parameters: Parameters;
  value: (z: number, p: Parameters) => number;
  slope: (z: number, p: Parameters) => number;
  /** The largest slope, against which flatness is judged; 1 if not given. */
  most?: (p: Parameters) => number;
  kinks?: (p: Parameters) => number[];
}

const { abs, exp, expm1, log1p, max, min, sqrt, tanh } = Math;
const FAR = 1600; // beyond it exp(-t / 2) is zero

const clamp = (z: number, low: number, high: number): number => min(max(z, low), high);
export const logistic = (t: number): number => exp(min(t, 0)) / (1 + exp(-abs(t)));
const logisticSlope = (t: number): number => {
  const q = exp(-abs(t));
  return q / (1 + q) / (1 + q);
};
const sech2 = (t: number): number => 4 * logisticSlope(2 * t);
const soft = (t: number): number => max(t, 0) + log1p(exp(-abs(t)));
const step = (z: number, low = 0, high = 1): number => (z > 0 ? high : low);
const band = (z: number, low: number, high: number): number => (z > low && z < high ? 1 : 0);
const at0 = (): number[] => [0];

/** z sigmoid(t) in two halves: sigmoid(t) alone may be subnormal. */
function gated(z: number, t: number): number {
  t = clamp(t, -FAR, FAR);
  const root = exp(min(t, 0) / 2);
  return (z * root * root) / (1 + exp(-abs(t)));
}
function gatedSlope(t: number): number {
  t = clamp(t, -FAR, FAR);
  const root = exp(min(t, 0) / 2);
  const other = exp(-max(t, 0) / 2);
  const q = exp(-abs(t));
  return ((1 + (t * other * other) / (1 + q)) * root * root) / (1 + q);
}

const SELU = { alpha: 1.6732632423543772848, scale: 1.0507009873554804934, input_scale: 1 };
const elu = (z: number, p: Parameters): number =>
  z > 0 ? p["scale"]! * z : p["scale"]! * p["alpha"]! * expm1(p["input_scale"]! * min(z, 0));
const eluSlope = (z: number, p: Parameters): number =>
  z > 0 ? p["scale"]! : p["scale"]! * p["alpha"]! * p["input_scale"]! * exp(p["input_scale"]! * min(z, 0));

function mish(z: number): number {
  const root = exp(-abs(z) / 2);
  const q = root * root;
  return z < 0
    ? (max(z, -FAR) * root * root * (q + 2)) / (q * q + 2 * q + 2)
    : (z * (1 + 2 * q)) / (1 + 2 * q + 2 * q * q);
}
function mishSlope(z: number): number {
  z = clamp(z, -FAR, FAR);
  const root = exp(-abs(z) / 2);
  const q = root * root;
  const below = q * q + 2 * q + 2;
  const above = 1 + 2 * q + 2 * q * q;
  return z < 0
    ? (((q + 2) * below + 4 * z * (1 + q)) * root * root) / (below * below)
    : ((1 + 2 * q) * above + 4 * z * q * q * (1 + q)) / (above * above);
}

function gelu(z: number): number {
  return z < 0 ? bell(max(z, -40), max(z, -40) * halfErfcx(max(z, -40))) : z * phi(z);
}
function geluSlope(z: number): number {
  z = clamp(z, -40, 40);
  const peak = 1 / sqrt(2 * Math.PI);
  return z < 0 ? bell(z, halfErfcx(z) + peak * z) : phi(z) + bell(z, peak * z);
}

/** z - tanh(z): near 0 the difference cancels, a continued fraction does not. */
function tanhshrink(z: number): number {
  if (abs(z) > 1) return z - tanh(z);
  const s = z * z;
  // tanh z = z / (1 + s / (3 + s / (5 + ..))), so z - tanh z = z u / (1 + u), u = s / (3 + ..)
  let tail = 0;
  for (let k = 25; k >= 3; k -= 2) tail = s / (k + tail);
  return (z * tail) / (1 + tail);
}

function squareplusRest(z: number, b: number): number {
  return b / 4 / (Math.hypot(z, sqrt(b)) / 2 + abs(z) / 2);
}

const ACTS: Record<string, Act> = {
  identity: { parameters: {}, value: (z) => z, slope: () => 1 },
  sigmoid: { parameters: {}, value: logistic, slope: logisticSlope, most: () => 0.25 },
  tanh: { parameters: {}, value: tanh, slope: sech2 },
  softsign: {
    parameters: {},
    value: (z) => z / (1 + abs(z)),
    slope: (z) => 1 / (1 + abs(z)) / (1 + abs(z)),
  },
  log_sigmoid: { parameters: {}, value: (z) => min(z, 0) - log1p(exp(-abs(z))), slope: (z) => logistic(-z) },
  softplus: {
    parameters: { beta: 1 },
    value: (z, p) => soft(p["beta"]! * z) / p["beta"]!,
    slope: (z, p) => logistic(p["beta"]! * z),
  },
  squareplus: {
    parameters: { b: 4 },
    value: (z, p) => max(z, 0) + squareplusRest(z, p["b"]!),
    slope: (z, p) => {
      const rest = squareplusRest(z, p["b"]!) / Math.hypot(z, sqrt(p["b"]!));
      return z < 0 ? rest : 1 - rest;
    },
  },
  relu: { parameters: {}, value: (z) => max(z, 0), slope: (z) => step(z), kinks: at0 },
  leaky_relu: {
    parameters: { negative_slope: 0.01 },
    value: (z, p) => max(z, 0) + p["negative_slope"]! * min(z, 0),
    slope: (z, p) => step(z, p["negative_slope"]!),
    most: (p) => max(1, abs(p["negative_slope"]!)),
    kinks: (p) => (p["negative_slope"] === 1 ? [] : [0]),
  },
  prelu: {
    parameters: { weight: 0.25 },
    value: (z, p) => max(z, 0) + p["weight"]! * min(z, 0),
    slope: (z, p) => step(z, p["weight"]!),
    most: (p) => max(1, abs(p["weight"]!)),
    kinks: at0,
  },
  rrelu: {
    parameters: { lower: 1 / 8, upper: 1 / 3 },
    value: (z, p) => max(z, 0) + ((p["lower"]! + p["upper"]!) / 2) * min(z, 0),
    slope: (z, p) => step(z, (p["lower"]! + p["upper"]!) / 2),
    kinks: at0,
  },
  elu: {
    parameters: { alpha: 1, scale: 1, input_scale: 1 },
    value: elu,
    slope: eluSlope,
    most: (p) => max(p["scale"]!, p["scale"]! * p["alpha"]! * p["input_scale"]!),
    kinks: (p) => (p["alpha"]! * p["input_scale"]! === 1 ? [] : [0]),
  },
  selu: {
    parameters: {},
    value: (z) => elu(z, SELU),
    slope: (z) => eluSlope(z, SELU),
    most: () => SELU.alpha * SELU.scale,
    kinks: at0,
  },
  celu: {
    parameters: { alpha: 1 },
    value: (z, p) => max(z, 0) + p["alpha"]! * expm1(min(z, 0) / p["alpha"]!),
    slope: (z, p) => exp(min(z, 0) / p["alpha"]!),
  },
  gelu: { parameters: {}, value: gelu, slope: geluSlope, most: () => 1.128904 },
  quick_gelu: {
    parameters: {},
    value: (z) => gated(z, 1.702 * clamp(z, -1e300, 1e300)),
    slope: (z) => gatedSlope(1.702 * clamp(z, -FAR, FAR)),
    most: () => 1.099839,
  },
  silu: { parameters: {}, value: (z) => gated(z, z), slope: gatedSlope, most: () => 1.099839 },
  swish: {
    parameters: { beta: 1 },
    value: (z, p) => gated(z, p["beta"]! * z),
    slope: (z, p) => gatedSlope(p["beta"]! * z),
    most: () => 1.099839,
  },
  mish: { parameters: {}, value: mish, slope: mishSlope, most: () => 1.088498 },
  hardtanh: {
    parameters: { min_val: -1, max_val: 1 },
    value: (z, p) => clamp(z, p["min_val"]!, p["max_val"]!),
    slope: (z, p) => band(z, p["min_val"]!, p["max_val"]!),
    kinks: (p) => [p["min_val"]!, p["max_val"]!],
  },
  relu6: { parameters: {}, value: (z) => clamp(z, 0, 6), slope: (z) => band(z, 0, 6), kinks: () => [0, 6] },
  hardsigmoid: {
    parameters: {},
    value: (z) => clamp(z + 3, 0, 6) / 6,
    slope: (z) => band(z, -3, 3) / 6,
    most: () => 1 / 6,
    kinks: () => [-3, 3],
  },
  hardswish: {
    parameters: {},
    value: (z) => (z > 3 ? z : (clamp(z, -3, 3) * (clamp(z, -3, 3) + 3)) / 6),
    slope: (z) => (z <= -3 ? 0 : z >= 3 ? 1 : (2 * z + 3) / 6),
    most: () => 1.5,
    kinks: () => [-3, 3],
  },
  squared_relu: {
    parameters: {},
    value: (z) => max(z, 0) ** 2,
    slope: (z) => 2 * max(z, 0),
    most: () => 2,
  },
  snake: {
    parameters: { alpha: 1 },
    value: (z, p) => z + Math.sin(p["alpha"]! * z) ** 2 / p["alpha"]!,
    slope: (z, p) => (Math.sin(p["alpha"]! * z) + Math.cos(p["alpha"]! * z)) ** 2,
    most: () => 2,
  },
  star_relu: {
    parameters: { scale: 0.8944, bias: -0.4472 },
    value: (z, p) => p["scale"]! * max(z, 0) * max(z, 0) + p["bias"]!,
    slope: (z, p) => 2 * p["scale"]! * max(z, 0),
    most: (p) => 2 * abs(p["scale"]!),
  },
  xielu: {
    parameters: { alpha_p: 0.2033823208110246, alpha_n: -1.0502256128148468, beta: 0.5 },
    value: (z, p) => {
      const fall = p["beta"]! + soft(p["alpha_n"]!);
      const [high, low] = [max(z, 0), min(z, 0)];
      return (soft(p["alpha_p"]!) * high + p["beta"]!) * high + (fall * expm1(low) + (p["beta"]! - fall) * low);
    },
    slope: (z, p) =>
      2 * soft(p["alpha_p"]!) * max(z, 0) + (p["beta"]! + soft(p["alpha_n"]!)) * expm1(min(z, 0)) + p["beta"]!,
    most: (p) => 2 * soft(p["alpha_p"]!) + p["beta"]!,
  },
  tanhshrink: { parameters: {}, value: tanhshrink, slope: (z) => tanh(z) ** 2 },
  straight_sign: { parameters: {}, value: (z) => Math.sign(z), slope: (z) => band(z, -1, 1), kinks: () => [-1, 1] },
  sine: {
    parameters: { omega: 30 },
    value: (z, p) => Math.sin(p["omega"]! * z),
    slope: (z, p) => p["omega"]! * Math.cos(p["omega"]! * z),
    most: (p) => abs(p["omega"]!),
  },
  gaussian: {
    parameters: { sigma: 1 },
    value: (z, p) => exp((-z / p["sigma"]!) * (z / p["sigma"]! / 2)),
    slope: (z, p) => (-z / p["sigma"]! / p["sigma"]!) * exp((-z / p["sigma"]!) * (z / p["sigma"]! / 2)),
    most: (p) => exp(-0.5) / p["sigma"]!,
  },
  softcap: {
    parameters: { cap: 30 },
    value: (z, p) => p["cap"]! * tanh(z / p["cap"]!),
    slope: (z, p) => sech2(z / p["cap"]!),
  },
  dyt: {
    parameters: { alpha: 0.5, weight: 1, bias: 0 },
    value: (z, p) => p["weight"]! * tanh(p["alpha"]! * z) + p["bias"]!,
    slope: (z, p) => p["weight"]! * p["alpha"]! * sech2(p["alpha"]! * z),
    most: (p) => abs(p["weight"]! * p["alpha"]!),
  },
  jump_relu: {
    parameters: { threshold: 0.0009765625 },
    value: (z, p) => (z > p["threshold"]! ? z : 0),
    slope: (z, p) => step(z - p["threshold"]!),
    kinks: (p) => [p["threshold"]!],
  },
  smooth_leaky: {
    parameters: { alpha: 0.1, p: 3, c: 5 },
    value: (z, p) => p["alpha"]! * z + (1 - p["alpha"]!) * gated(z, (p["c"]! / p["p"]!) * z),
    slope: (z, p) => p["alpha"]! + (1 - p["alpha"]!) * gatedSlope((p["c"]! / p["p"]!) * z),
    most: (p) => p["alpha"]! + (1 - p["alpha"]!) * 1.0998393201288634,
  },
  squared_leaky_relu: {
    parameters: { negative_slope: 0.5 },
    value: (z, p) => (z > 0 ? z : p["negative_slope"]! * z) ** 2,
    slope: (z, p) => 2 * (z > 0 ? z : p["negative_slope"]! ** 2 * z),
    most: () => 2,
  },
};

/** The names of all acts that the page can draw. */
export const names = Object.keys(ACTS);

/** The act at those of its parameters that the state sets. */
export function bound(name: string, state: Readonly<Record<string, number | string>> = {}): Bound {
  const act = ACTS[name];
  if (!act) throw new Error(`relume: no act ${name}`);
  const given = Object.keys(act.parameters).filter((key) => typeof state[key] === "number");
  const p = { ...act.parameters, ...Object.fromEntries(given.map((key) => [key, state[key] as number])) };
  return {
    name,
    value: (z) => act.value(z, p),
    slope: (z) => act.slope(z, p),
    most: act.most?.(p) ?? 1,
    kinks: act.kinks?.(p) ?? [],
  };
}

const NAMES: Record<string, string> = {
  relu: "ReLU",
  leaky_relu: "Leaky ReLU",
  prelu: "PReLU",
  rrelu: "RReLU",
  relu6: "ReLU6",
  squared_relu: "squared ReLU",
  star_relu: "StarReLU",
  elu: "ELU",
  selu: "SELU",
  celu: "CELU",
  xielu: "xIELU",
  gelu: "GELU",
  quick_gelu: "QuickGELU",
  silu: "SiLU",
  swish: "Swish",
  mish: "Mish",
  hardswish: "Hardswish",
  softplus: "Softplus",
  squareplus: "Squareplus",
  softsign: "Softsign",
  log_sigmoid: "LogSigmoid",
  snake: "Snake",
  straight_sign: "straight-through sign",
  gaussian: "Gaussian",
  dyt: "DyT",
  jump_relu: "JumpReLU",
};

/** What people call an act. */
export function called(name: string): string {
  return NAMES[name] ?? name.replace(/_/g, " ");
}
