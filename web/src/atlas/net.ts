// Small nets that train live, in double precision, with gradients written by hand; the nets of
// src/relume/atlas/net.py, which torch differentiates.
import { normals } from "./chance";
import type { Bound } from "./types";

export interface Net {
  /** Widths from the input to the output. */
  widths: number[];
  /** Of each layer (out, in), row by row, and (out). */
  weights: Float64Array[];
  biases: Float64Array[];
  /** Behind each layer but the last; null for none. */
  acts: (Bound | null)[];
}

function drawn(source: () => number, count: number, scale = 1): Float64Array {
  return Float64Array.from({ length: count }, () => source() * scale);
}

export function randomNet(widths: number[], act: Bound, seed: number, gain: number, bias: number): Net {
  const source = normals(seed);
  const weights: Float64Array[] = [];
  const biases: Float64Array[] = [];
  for (let l = 0; l + 1 < widths.length; l++) {
    const [from, to] = [widths[l]!, widths[l + 1]!];
    weights.push(drawn(source, from * to, gain / Math.sqrt(from)));
    biases.push(new Float64Array(to).fill(l + 2 < widths.length ? bias : 0));
  }
  return { widths, weights, biases, acts: weights.slice(1).map(() => act) };
}

export function straightNet(width: number, depth: number, acts: (Bound | null)[], seed: number): Net {
  const source = normals(seed);
  const weights = [drawn(source, width)];
  const biases = [drawn(source, width)];
  for (let l = 1; l < depth; l++) {
    const noise = drawn(source, width * width, 0.1);
    for (let i = 0; i < width; i++) noise[i * width + i]! += 1;
    weights.push(noise);
    biases.push(new Float64Array(width));
  }
  weights.push(drawn(source, width, 1 / Math.sqrt(width)));
  biases.push(new Float64Array(1));
  return { widths: [1, ...Array<number>(depth).fill(width), 1], weights, biases, acts };
}

/** The pre of every layer, the last being the output: (samples, units) each, row by row. */
export function pres(net: Net, x: Float64Array, count: number): Float64Array[] {
  const found: Float64Array[] = [];
  let input = x;
  net.weights.forEach((w, l) => {
    const [from, to] = [net.widths[l]!, net.widths[l + 1]!];
    const b = net.biases[l]!;
    const pre = new Float64Array(count * to);
    for (let s = 0; s < count; s++)
      for (let o = 0; o < to; o++) {
        let sum = b[o]!;
        for (let i = 0; i < from; i++) sum += w[o * from + i]! * input[s * from + i]!;
        pre[s * to + o] = sum;
      }
    found.push(pre);
    const act = net.acts[l];
    input = act ? pre.map(act.value) : pre;
  });
  return found;
}

/** Units without a slope on any of the data, layer by layer. */
export function dead(net: Net, x: Float64Array, count: number): boolean[][] {
  const all = pres(net, x, count);
  return net.acts.map((act, l) => {
    const to = net.widths[l + 1]!;
    return Array.from({ length: to }, (_, o) => {
      if (!act) return false;
      for (let s = 0; s < count; s++) if (act.slope(all[l]![s * to + o]!) !== 0) return false;
      return true;
    });
  });
}

export type Loss = "mse" | "bce";

export function lossOf(out: Float64Array, y: Float64Array, kind: Loss): number {
  let sum = 0;
  out.forEach((z, s) => {
    sum += kind === "mse" ? (z - y[s]!) ** 2 : Math.max(z, 0) - z * y[s]! + Math.log1p(Math.exp(-Math.abs(z)));
  });
  return sum / out.length;
}

function pulls(net: Net, x: Float64Array, y: Float64Array, kind: Loss): Float64Array[] {
  const count = y.length;
  const all = pres(net, x, count);
  const out = all[all.length - 1]!;
  let back = out.map((z, s) =>
    (kind === "mse" ? 2 * (z - y[s]!) : 1 / (1 + Math.exp(-z)) - y[s]!) / count,
  );
  const found: Float64Array[] = [];
  for (let l = net.weights.length - 1; l >= 0; l--) {
    const [from, to] = [net.widths[l]!, net.widths[l + 1]!];
    const act = l > 0 ? net.acts[l - 1] : null;
    const below = l > 0 ? all[l - 1]! : x;
    const input = act ? below.map(act.value) : below;
    const w = net.weights[l]!;
    const pull = new Float64Array(w.length);
    const lift = new Float64Array(to);
    const next = new Float64Array(count * from);
    for (let s = 0; s < count; s++)
      for (let o = 0; o < to; o++) {
        const signal = back[s * to + o]!;
        lift[o]! += signal;
        for (let i = 0; i < from; i++) {
          pull[o * from + i]! += signal * input[s * from + i]!;
          next[s * from + i]! += signal * w[o * from + i]!;
        }
      }
    found.unshift(pull, lift);
    if (act) below.forEach((z, at) => (next[at]! *= act.slope(z)));
    back = next;
  }
  return found;
}

/** Trains a net step by step and keeps where it has been, so that any step is there at once. */
export class Trainer {
  private readonly kept: Net[];
  private readonly every = 10;
  private live: Net;
  private at = 0;
  private first: Float64Array[] = [];
  private second: Float64Array[] = [];
  /** Loss before every step that was taken. */
  readonly losses: number[] = [];

  constructor(
    net: Net,
    private readonly x: Float64Array,
    private readonly y: Float64Array,
    private readonly kind: Loss,
    private readonly how: string,
    private readonly rate: number,
    /** Called on the net at every kept step. */
    private readonly note?: (net: Net, step: number) => void,
  ) {
    this.live = copy(net);
    this.kept = [copy(net)];
    note?.(net, 0);
  }

  to(step: number): Net {
    while (this.at < step) this.advance();
    if (this.at === step) return this.live;
    // going back: from the last kept step before it; Adam's memory is not kept, so walk anew
    const at = Math.floor(step / this.every);
    if (step % this.every === 0) return this.kept[at]!;
    const again = new Trainer(this.kept[0]!, this.x, this.y, this.kind, this.how, this.rate);
    return again.to(step);
  }

  private advance(): void {
    const { live } = this;
    const parts = live.weights.flatMap((w, l) => [w, live.biases[l]!]);
    const given = pulls(live, this.x, this.y, this.kind);
    if (!this.first.length) {
      this.first = parts.map((p) => new Float64Array(p.length));
      this.second = parts.map((p) => new Float64Array(p.length));
    }
    this.at += 1;
    const [one, two] = [1 - 0.9 ** this.at, Math.sqrt(1 - 0.999 ** this.at)];
    parts.forEach((part, p) => {
      const [g, m, v] = [given[p]!, this.first[p]!, this.second[p]!];
      for (let i = 0; i < part.length; i++) {
        if (this.how === "sgd") part[i]! -= this.rate * g[i]!;
        else {
          m[i]! += 0.1 * (g[i]! - m[i]!);
          v[i] = 0.999 * v[i]! + 0.001 * g[i]! * g[i]!;
          part[i]! -= ((this.rate / one) * m[i]!) / (Math.sqrt(v[i]!) / two + 1e-8);
        }
      }
    });
    if (this.at % this.every === 0) {
      this.kept.push(copy(live));
      this.note?.(live, this.at);
    }
  }
}

function copy(net: Net): Net {
  return { ...net, weights: net.weights.map((w) => w.slice()), biases: net.biases.map((b) => b.slice()) };
}
