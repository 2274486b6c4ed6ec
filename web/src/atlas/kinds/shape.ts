// Acts that shape themselves: a PReLU learns its slope, a Maxout unit learns its pieces.
import type { Mark, Point } from "../../lib/plot";
import { number } from "../../lib/numbers";
import { num, type FigureData, type Kind, type Readings, type State } from "../engine";
import type { Stage } from "../stage";

interface Data {
  xs: number[];
  model: "prelu" | "maxout";
  drawn?: number[];
}
const CURVES: Record<string, (z: number) => number> = {
  square: (z) => (z * z) / 2,
  absolute: Math.abs,
  relu: (z) => Math.max(0, z),
  leaky: (z) => Math.max(0.2 * z, z),
};

export function shape(figure: FigureData<Data>): Kind {
  return figure.data.model === "prelu" ? prelu(figure.data) : maxout(figure.data);
}

function drawn(stage: Stage, readings: Readings, marks: Mark[], summary: string): void {
  stage.plot(0, {
    x: { label: "z", domain: [-2.1, 2.1] },
    y: { label: "output", domain: [-2.2, 2.4] },
    height: stage.tall(430), marks, summary: `${summary}; the loss is ${number(readings["loss"]!)}.`,
  });
}

function prelu({ xs }: Data): Kind {
  const f = (z: number, alpha: number): number => (z > 0 ? z : alpha * z);
  const learned = (state: State): number[] => {
    const [goal, rate, decay] = [num(state, "goal"), num(state, "rate"), num(state, "decay")];
    const path = [num(state, "start")];
    for (let step = 0; step < num(state, "steps"); step++) {
      const alpha = path[path.length - 1]!;
      let pull = decay * alpha;
      for (const z of xs) pull += (2 * (f(z, alpha) - f(z, goal)) * Math.min(z, 0)) / xs.length;
      path.push(alpha - rate * pull);
    }
    return path;
  };
  return {
    read: (state) => {
      const alpha = learned(state).pop()!;
      const loss = xs.reduce((sum, z) => sum + (f(z, alpha) - f(z, num(state, "goal"))) ** 2, 0) / xs.length;
      return { alpha, loss };
    },
    draw: (stage, state, readings) => {
      const path = learned(state);
      const line = (alpha: number): Point[] => [-2, 0, 2].map((z): Point => [z, f(z, alpha)]);
      const every = Math.max(1, Math.ceil(path.length / 12));
      drawn(stage, readings, [
        { kind: "dots", name: "data", tone: "ink", size: 3, points: xs.map((z): Point => [z, f(z, num(state, "goal"))]) },
        ...path.filter((_, i) => i % every === 0).map((alpha): Mark => ({ kind: "line", name: "before", tone: "muted", faint: true, mute: true, points: line(alpha) })),
        { kind: "line", name: "PReLU", tone: "accent", points: line(readings["alpha"]!) },
      ], `A PReLU with slope ${number(readings["alpha"]!)} below zero`);
      stage.plot(1, {
        x: { label: "step", domain: [0, Math.max(10, path.length - 1)] },
        y: { label: "slope below zero", domain: [-1.1, 1.1] },
        height: 170,
        marks: [
          { kind: "rule", axis: "y", at: num(state, "goal"), tone: "muted", label: "of the data" },
          { kind: "line", name: "slope", tone: "accent", points: path.map((alpha, i): Point => [i, alpha]) },
        ],
        summary: "The slope over the steps.",
      });
    },
  };
}

function maxout({ xs, drawn: numbers }: Data): Kind {
  const learned = (state: State): [number[], number[]] => {
    const count = num(state, "pieces");
    const curve = CURVES[String(state["curve"])]!;
    const w = numbers!.slice(0, count);
    const b = numbers!.slice(6, 6 + count).map((v) => 0.1 * v);
    b[count - 1]! -= num(state, "sunk");
    for (let step = 0; step < num(state, "steps"); step++) {
      const [pull, lift] = [w.map(() => 0), w.map(() => 0)];
      for (const z of xs) {
        const p = best(w, b, z);
        const signal = (2 * (w[p]! * z + b[p]! - curve(z))) / xs.length;
        pull[p]! += signal * z;
        lift[p]! += signal;
      }
      w.forEach((_, p) => {
        w[p]! -= num(state, "rate") * pull[p]!;
        b[p]! -= num(state, "rate") * lift[p]!;
      });
    }
    return [w, b];
  };
  return {
    read: (state) => {
      const [w, b] = learned(state);
      const curve = CURVES[String(state["curve"])]!;
      const alive = new Set(xs.map((z) => best(w, b, z)));
      const loss = xs.reduce((sum, z) => sum + (w[best(w, b, z)]! * z + b[best(w, b, z)]! - curve(z)) ** 2, 0) / xs.length;
      return { loss, dead: w.length - alive.size, parameters: 2 * w.length };
    },
    draw: (stage, state, readings) => {
      const [w, b] = learned(state);
      const curve = CURVES[String(state["curve"])]!;
      const alive = new Set(xs.map((z) => best(w, b, z)));
      drawn(stage, readings, [
        ...w.map((_, p): Mark => ({
          kind: "line", name: alive.has(p) ? `piece ${p + 1}` : `piece ${p + 1}, dead`, mute: true,
          tone: alive.has(p) ? "a" : "error", faint: alive.has(p), dashed: !alive.has(p),
          points: [-2, 2].map((z): Point => [z, w[p]! * z + b[p]!]),
        })),
        { kind: "dots", name: "data", tone: "ink", size: 3, points: xs.map((z): Point => [z, curve(z)]) },
        { kind: "line", name: "the unit", tone: "accent", points: fine().map((z): Point => [z, w[best(w, b, z)]! * z + b[best(w, b, z)]!]) },
      ], `A Maxout unit of ${w.length} pieces, ${readings["dead"]} of them dead`);
    },
  };
}

function fine(): number[] {
  return Array.from({ length: 161 }, (_, i) => -2 + i / 40);
}

function best(w: readonly number[], b: readonly number[], z: number): number {
  let at = 0;
  for (let p = 1; p < w.length; p++) if (w[p]! * z + b[p]! > w[at]! * z + b[at]!) at = p;
  return at;
}
