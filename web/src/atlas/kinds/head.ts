// An output head under a loss: what the loss and its slope are for every pre of the last layer.
import { around, type Point } from "../../lib/plot";
import { number } from "../../lib/numbers";
import { logistic } from "../acts";
import { num, type FigureData, type Kind, type State } from "../engine";

interface Data {
  heads: string[];
}
/** Output, loss, and the loss's slope in z, for z and a target. */
type Head = (z: number, t: number) => [number, number, number];

const bce = (z: number, t: number): number => Math.max(z, 0) - z * t + Math.log1p(Math.exp(-Math.abs(z)));
const square = (f: (z: number) => number, d: (z: number) => number): Head => (z, t) => [f(z), (f(z) - t) ** 2, 2 * (f(z) - t) * d(z)];
const OTHERS = 2; // classes besides the true one, with logit 0

/** softmax of [z, 0, 0] at its first place. */
const p3 = (z: number): number => 1 / (1 + OTHERS * Math.exp(-z));

const HEADS: Record<string, Head> = {
  sigmoid: (z, t) => [logistic(z), bce(z, t), logistic(z) - t],
  sigmoid_twice: (z, t) => {
    const s = logistic(z);
    return [s, bce(s, t), (logistic(s) - t) * s * logistic(-z)];
  },
  sigmoid_square: square(logistic, (z) => logistic(z) * logistic(-z)),
  softmax: (z) => [p3(z), Math.log1p(OTHERS * Math.exp(-z)), p3(z) - 1],
  softmax_twice: (z) => {
    const p = p3(z);
    const other = (1 - p) / OTHERS; // each of the others
    const again = 1 / (1 + OTHERS * Math.exp(other - p));
    const slope = p * (1 - p); // dp/dz; d other/dz is -slope / OTHERS
    return [p, -Math.log(again), (again - 1) * slope + OTHERS * ((1 - again) / OTHERS) * (-slope / OTHERS)];
  },
  identity: square((z) => z, () => 1),
  relu: square((z) => Math.max(z, 0), (z) => (z > 0 ? 1 : 0)),
  tanh: square(Math.tanh, (z) => 1 - Math.tanh(z) ** 2),
};

export function head(figure: FigureData<Data>): Kind {
  const chosen = (state: State): [Head, number] => {
    const name = String(state["head"]);
    const target = num(state, "target");
    return [HEADS[name]!, name.startsWith("s") ? (target >= 0.5 ? 1 : 0) : target];
  };
  return {
    read: (state) => {
      const [of, target] = chosen(state);
      const [output, loss, slope] = of(num(state, "z"), target);
      let least = Infinity;
      for (let i = -4000; i <= 4000; i++) least = Math.min(least, of(i / 100, target)[1]);
      return { output, loss, slope: slope + 0, least };
    },
    draw: (stage, state, readings, move) => {
      const [of, target] = chosen(state);
      const z = num(state, "z");
      const xs = Array.from({ length: 321 }, (_, i) => -8 + i / 20);
      const losses = xs.map((x): Point => [x, of(x, target)[1]]);
      const slopes = xs.map((x): Point => [x, of(x, target)[2]]);
      const [low, high] = around([...losses, ...slopes].map(([, v]) => v).filter((v) => Math.abs(v) < 8.5));
      const { place, left, top } = stage.plot(0, {
        x: { label: "z, the pre of the head", domain: [-8, 8] },
        y: { label: "loss, and its slope", domain: [Math.max(-6, low), high] },
        height: stage.tall(440), still: true,
        marks: [
          { kind: "rule", axis: "y", at: 0, tone: "muted" },
          ...(readings["least"]! > 1e-3 ? [{ kind: "rule" as const, axis: "y" as const, at: readings["least"]!, tone: "error" as const, label: `no z gets below ${number(readings["least"]!)}` }] : []),
          { kind: "line", name: "slope", points: slopes, tone: "b", dashed: true, label: "slope" },
          { kind: "line", name: "loss", points: losses, tone: "a", label: "loss" },
        ],
        summary: `${figure.controls[0]?.options?.find(([value]) => value === state["head"])?.[1] ?? ""}: at z = ${number(z)} the loss is ${number(readings["loss"]!)} and its slope ${number(readings["slope"]!)}.`,
      });
      const set = (value: number): void => move({ z: Math.round(10 * Math.max(-8, Math.min(8, value))) / 10 });
      stage.handle(0, "z", {
        label: "z, along the loss", value: z, text: `z ${number(z)}, loss ${number(readings["loss"]!)}`,
        x: left + place.x(z), y: top + Math.max(0, Math.min(place.height, place.y(readings["loss"]!))),
        onMove: (x) => set(place.x.invert(x - left)),
        onKey: (across, up, big) => set(z + (across + up) * (big ? 1 : 0.1)),
      });
    },
    table: (state) => {
      const [of, target] = chosen(state);
      const rows = [-8, -6, -4, -2, -1, 0, 1, 2, 4, 6, 8].map((z) => [number(z), ...of(z, target).map(number)]);
      return { columns: ["z", "output", "loss", "slope"], rows };
    },
  };
}
