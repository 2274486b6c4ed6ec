// A net of any depth fits points on a curve: a straight line until an act bends it.
import type { Mark, Point } from "../../lib/plot";
import { number } from "../../lib/numbers";
import { bound } from "../acts";
import { num, type FigureData, type Kind, type State } from "../engine";
import { lossOf, pres, straightNet, Trainer } from "../net";

interface Data {
  xs: number[];
  ys: number[];
  width: number;
  seed: number;
  rate: number;
}

export function fit({ data }: FigureData<Data>): Kind {
  const [x, y] = [Float64Array.from(data.xs), Float64Array.from(data.ys)];
  const best = straight(data.xs, data.ys);
  let kept: { key: string; trainer: Trainer } | null = null;
  const trained = (state: State): Float64Array => {
    const key = `${state["act"]} ${state["layers"]} ${state["bends"]}`;
    if (kept?.key !== key) {
      const act = bound(String(state["act"]));
      const acts = Array.from({ length: num(state, "layers") }, (_, l) => (l < num(state, "bends") ? act : null));
      const net = straightNet(data.width, num(state, "layers"), acts, data.seed);
      kept = { key, trainer: new Trainer(net, x, y, "mse", "adam", data.rate) };
    }
    const all = pres(kept.trainer.to(num(state, "steps")), x, x.length);
    return all[all.length - 1]!;
  };
  return {
    read: (state) => {
      const out = trained(state);
      const [first, last] = [out[0]!, out[out.length - 1]!];
      const [from, to] = [data.xs[0]!, data.xs[data.xs.length - 1]!];
      const bend = Math.max(...data.xs.map((at, i) => Math.abs(out[i]! - first - ((last - first) * (at - from)) / (to - from))));
      return { bend, loss: lossOf(out, y, "mse"), line: lossOf(Float64Array.from(data.xs, best), y, "mse") };
    },
    draw: (stage, state, readings) => {
      const out = trained(state);
      const line: Point[] = data.xs.map((at, i): Point => [at, out[i]!]);
      const marks: Mark[] = [
        { kind: "line", name: "best straight line", tone: "muted", dashed: true, points: data.xs.map((at): Point => [at, best(at)]) },
        { kind: "dots", name: "data", tone: "ink", size: 3, points: data.xs.map((at, i): Point => [at, data.ys[i]!]) },
        { kind: "line", name: "the net", tone: "accent", points: line },
      ];
      const most = Math.min(4, Math.max(1.8, ...Array.from(out, Math.abs)));
      stage.plot(0, {
        x: { label: "input", domain: [-2.1, 2.1] },
        y: { label: "output", domain: [-most, most] },
        height: stage.tall(520), marks,
        summary: `A net of ${state["layers"]} layers, ${Math.min(num(state, "bends"), num(state, "layers"))} with an act; it is ${number(readings["bend"]!)} from a straight line.`,
      });
    },
    table: (state) => {
      const out = trained(state);
      return { columns: ["input", "data", "net"], rows: data.xs.map((at, i) => [number(at), number(data.ys[i]!), number(out[i]!)]) };
    },
  };
}

function straight(xs: number[], ys: number[]): (x: number) => number {
  const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  const [mx, my] = [mean(xs), mean(ys)];
  const slope = mean(xs.map((x, i) => (x - mx) * (ys[i]! - my))) / mean(xs.map((x) => (x - mx) ** 2));
  return (x) => my + slope * (x - mx);
}
