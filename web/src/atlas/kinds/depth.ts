// Signal and gradient through many random layers: the theory of wide nets, and one small real net.
import { around, type Mark, type Point } from "../../lib/plot";
import { number } from "../../lib/numbers";
import { bound, called } from "../acts";
import { normals } from "../chance";
import { num, tenth, type FigureData, type Kind, type State } from "../engine";
import { normalMean } from "../normal";
import type { Bound } from "../types";

interface Data {
  width: number;
  samples: number;
  seed: number;
  keeps: Record<string, number>;
}
interface Flow {
  /** Of each layer, as powers of ten: signal over the first, gradient over the last, measured. */
  signal: number[];
  gradient: number[];
  measured: number[];
  factor: number;
}

export function depth({ data }: FigureData<Data>): Kind {
  let kept: { key: string; flow: Flow } | null = null;
  const flow = (state: State): Flow => {
    const key = `${state["act"]} ${state["gain"]} ${state["layers"]}`;
    if (kept?.key !== key) kept = { key, flow: computed(bound(String(state["act"])), num(state, "gain"), num(state, "layers"), data) };
    return kept.flow;
  };
  return {
    read: (state) => {
      const found = flow(state);
      return {
        gradient: found.gradient[0]!,
        measured: found.measured[0]!,
        signal: found.signal[found.signal.length - 1]!,
        per_layer: Math.sqrt(found.factor),
        keeps: data.keeps[String(state["act"])]!,
      };
    },
    draw: (stage, state, readings) => {
      const found = flow(state);
      const layers = num(state, "layers");
      const points = (values: number[]): Point[] => values.map((value, i): Point => [i + 1, 10 ** value]);
      const all = [...found.signal, ...found.gradient, ...found.measured].filter(Number.isFinite).map((v) => 10 ** v);
      const [low, high] = around([...all, 0.3, 3], true);
      const marks: Mark[] = [
        { kind: "rule", axis: "y", at: 1, tone: "muted" },
        { kind: "zone", axis: "y", from: low, to: 1e-3, tone: "error", ...(low < 1e-4 ? { label: "early layers hardly learn" } : {}) },
        { kind: "line", name: "signal", points: points(found.signal), tone: "c", label: "signal" },
        { kind: "line", name: "gradient", points: points(found.gradient), tone: "accent", label: "gradient" },
        { kind: "dots", name: "gradient of a real net", points: points(found.measured), tone: "accent", size: 3.5 },
      ];
      stage.plot(0, {
        x: { label: "layer (input at the left)", domain: [1, layers] },
        y: { label: "scale, against where it starts", domain: [low, high], log: true },
        height: stage.tall(460), marks,
        at: (layer) => `layer ${number(layer)}`,
        summary: `${called(String(state["act"]))} through ${layers} layers: the gradient at the first layer is ${tenth(readings["gradient"]!)} of that at the last, the signal at the last ${tenth(readings["signal"]!)} of that at the first.`,
      });
    },
    table: (state) => {
      const found = flow(state);
      return {
        columns: ["layer", "signal, power of ten", "gradient, power of ten", "gradient of a real net"],
        rows: found.signal.map((value, i) => [i + 1, number(value), number(found.gradient[i]!), number(found.measured[i]!)]),
      };
    },
  };
}

function computed(act: Bound, gain: number, layers: number, data: Data): Flow {
  let [square, factor] = [1, 1];
  const signal = [0];
  const factors: number[] = [];
  for (let l = 1; l < layers; l++) {
    const std = Math.sqrt(square);
    factor = gain * gain * normalMean((z) => act.slope(z) ** 2, act.kinks, 0, std);
    square = gain * gain * normalMean((z) => act.value(z) ** 2, act.kinks, 0, std);
    factors.push(factor);
    signal.push(Math.log10(square) / 2);
  }
  const gradient = [0];
  for (const each of factors.slice().reverse()) gradient.unshift(gradient[0]! + Math.log10(each) / 2);
  return { signal, gradient, measured: real(act, gain, layers, data), factor };
}

/** The gradient through one real net, layer by layer over the last. */
function real(act: Bound, gain: number, layers: number, { width, samples, seed }: Data): number[] {
  const source = normals(seed);
  const drawn = (count: number, scale = 1): Float64Array => Float64Array.from({ length: count }, () => source() * scale);
  const all = [drawn(width * samples)]; // (units, samples)
  const weights: Float64Array[] = [];
  for (let l = 1; l < layers; l++) {
    const w = drawn(width * width, gain / Math.sqrt(width));
    const post = all[l - 1]!.map(act.value);
    const pre = new Float64Array(width * samples);
    for (let o = 0; o < width; o++)
      for (let i = 0; i < width; i++)
        for (let s = 0; s < samples; s++) pre[o * samples + s]! += w[o * width + i]! * post[i * samples + s]!;
    weights.push(w);
    all.push(pre);
  }
  let back = drawn(width * samples);
  const size = (values: Float64Array): number => Math.hypot(...values);
  const last = size(back);
  const found = [0];
  for (let l = layers - 2; l >= 0; l--) {
    const w = weights[l]!;
    const next = new Float64Array(width * samples);
    for (let o = 0; o < width; o++)
      for (let i = 0; i < width; i++)
        for (let s = 0; s < samples; s++) next[i * samples + s]! += w[o * width + i]! * back[o * samples + s]!;
    all[l]!.forEach((z, at) => (next[at]! *= act.slope(z)));
    back = next;
    found.unshift(Math.log10(size(back) / last));
  }
  return found;
}
