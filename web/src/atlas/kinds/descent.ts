// The path of two weights down an error surface, with inputs that are centred or not.
import type { Mark, Point } from "../../lib/plot";
import { number } from "../../lib/numbers";
import { bound } from "../acts";
import { num, type FigureData, type Kind, type State } from "../engine";
import { plane } from "./plane";

interface Data {
  points: [number, number][];
  goal: [number, number];
  start: [number, number];
  close: number;
  most: number;
}

export function descent({ data }: FigureData<Data>): Kind {
  const [goal, start] = [data.goal, data.start];
  const inputs = (state: State): [number, number][] => {
    const act = bound(String(state["act"]));
    const by = num(state, "offset");
    return data.points.map(([x, y]) => [act.value(x + by), act.value(y + by)]);
  };
  /** H = mean of x x', its two eigenvalues, small first. */
  const surface = (x: [number, number][]): { h: [number, number, number]; small: number; large: number } => {
    const h: [number, number, number] = [0, 0, 0];
    for (const [u, v] of x) {
      h[0] += (u * u) / x.length;
      h[1] += (u * v) / x.length;
      h[2] += (v * v) / x.length;
    }
    const [middle, root] = [(h[0] + h[2]) / 2, Math.hypot((h[0] - h[2]) / 2, h[1])];
    const large = middle + root;
    return { h, large, small: (h[0] * h[2] - h[1] * h[1]) / large };
  };
  const walk = (state: State, x: [number, number][], visit: (at: [number, number], step: number) => boolean): void => {
    const { small, large } = surface(x);
    const single = state["mode"] === "one";
    const rate = single ? num(state, "pace") / Math.max(...x.map(([u, v]) => u * u + v * v)) : (2 * num(state, "pace")) / (small + large);
    let here: [number, number] = [...start];
    for (let step = 0; step <= data.most; step++) {
      if (!visit(here, step)) return;
      const rows = single ? [x[step % x.length]!] : x;
      let [a, b] = [0, 0];
      for (const [u, v] of rows) {
        const error = u * (here[0] - goal[0]) + v * (here[1] - goal[1]);
        a += (u * error) / rows.length;
        b += (v * error) / rows.length;
      }
      here = [here[0] - rate * a, here[1] - rate * b];
    }
  };
  const gap = ([a, b]: [number, number]): number => Math.hypot(a - goal[0], b - goal[1]);
  const path = (state: State, x: [number, number][], steps: number): Point[] => {
    const found: Point[] = [];
    walk(state, x, (at, step) => found.push(at) > 0 && step < steps);
    return found;
  };
  return {
    read: (state) => {
      const x = inputs(state);
      const { small, large } = surface(x);
      const steps = num(state, "steps");
      let [arrives, distance] = [data.most, gap(start)];
      walk(state, x, (at, step) => {
        if (step === steps) distance = gap(at);
        if (gap(at) <= data.close * gap(start) && arrives === data.most) arrives = step;
        return !(arrives < data.most && step >= steps);
      });
      const same = x.filter(([u, v]) => {
        const error = u * (start[0] - goal[0]) + v * (start[1] - goal[1]);
        return error * u * (error * v) > 0;
      });
      return { same_sign: same.length / x.length, condition: large / small, arrives, distance };
    },
    draw: (stage, state, readings) => {
      const x = inputs(state);
      const { h, small, large } = surface(x);
      const steps = num(state, "steps");
      const centre = [0, 1].map((k) => x.reduce((sum, row) => sum + row[k as 0 | 1], 0) / x.length) as [number, number];
      const centred = x.map(([u, v]): [number, number] => [u - centre[0], v - centre[1]]);
      const levels = [0.02, 0.08, 0.2, 0.45, 0.9, 1.6].map((level) => level * (gap(start) ** 2) * Math.sqrt(small * large));
      const turn = Math.atan2(large - h[0], h[1]);
      const contours: Mark = {
        kind: "custom",
        draw: (layer, place) => {
          for (const level of levels) {
            const points = Array.from({ length: 97 }, (_, i) => {
              const t = (2 * Math.PI * i) / 96;
              const [p, q] = [Math.sqrt((2 * level) / large) * Math.cos(t), Math.sqrt((2 * level) / small) * Math.sin(t)];
              return `${place.x(goal[0] + p * Math.cos(turn) - q * Math.sin(turn))},${place.y(goal[1] + p * Math.sin(turn) + q * Math.cos(turn))}`;
            });
            layer.append("path").attr("class", "contour").attr("d", `M${points.join("L")}`);
          }
        },
      };
      const own = path(state, x, steps);
      plane(stage, 0, {
        reach: 1.75, height: stage.tall(500), labels: ["first weight", "second weight"],
        summary: `The path of two weights over ${steps} steps; ${number(readings["arrives"]!)} are needed. The surface is ${number(readings["condition"]!)} times steeper one way than the other.`,
        marks: () => [
          contours,
          { kind: "line", name: "with centred inputs", points: path(state, centred, steps), tone: "fine", mute: true },
          { kind: "dots", name: "with centred inputs", points: path(state, centred, Math.min(steps, 40)), tone: "fine", size: 2.5 },
          { kind: "line", name: "with these inputs", points: own, tone: "accent", mute: true },
          { kind: "dots", name: "with these inputs", points: own.slice(0, 120), tone: "accent", size: 2.8 },
          { kind: "dots", name: "start", points: [start], tone: "ink", size: 5 },
          { kind: "dots", name: "goal", points: [goal], tone: "ink", size: 6, shape: "diamond" },
        ],
      });
    },
    table: (state) => ({
      columns: ["step", "first weight", "second weight"],
      rows: path(state, inputs(state), num(state, "steps")).map(([a, b], i) => [i, number(a), number(b)]),
    }),
  };
}
