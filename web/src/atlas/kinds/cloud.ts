// A unit's hyperplane over a cloud of data, and what gradient descent does to it.
import type { Mark, Point } from "../../lib/plot";
import { number, share } from "../../lib/numbers";
import { bound } from "../acts";
import { num, type FigureData, type Kind, type State } from "../engine";
import { line } from "./curve";
import type { Bound } from "../types";
import { arrow, hyperplane, plane } from "./plane";

interface Data {
  points: [number, number][];
  targets: number[];
}
interface Unit {
  w: [number, number];
  b: number;
}

export function cloud({ data }: FigureData<Data>): Kind {
  const pull = (act: Bound, { w, b }: Unit): [number, number, number] => {
    const sum: [number, number, number] = [0, 0, 0];
    data.points.forEach(([x, y], i) => {
      const pre = w[0] * x + w[1] * y + b;
      const signal = (act.value(pre) - data.targets[i]!) * act.slope(pre);
      sum[0] += signal * x;
      sum[1] += signal * y;
      sum[2] += signal;
    });
    return sum.map((v) => v / data.points.length) as [number, number, number];
  };
  const first = (state: State): Unit => {
    const turn = (num(state, "angle") * Math.PI) / 180;
    return { w: [Math.cos(turn), Math.sin(turn)], b: num(state, "bias") };
  };
  const trained = (state: State): Unit => {
    const act = bound(String(state["act"]), { ...state, alpha: 1 });
    const rate = num(state, "rate");
    let unit = first(state);
    for (let step = 0; step < num(state, "steps"); step++) {
      const [x, y, b] = pull(act, unit);
      unit = { w: [unit.w[0] - rate * x, unit.w[1] - rate * y], b: unit.b - rate * b };
    }
    return unit;
  };
  const actOf = (state: State): Bound => bound(String(state["act"]));
  return {
    read: (state) => {
      const act = actOf(state);
      const { w, b } = trained(state);
      const pre = data.points.map(([x, y]) => w[0] * x + w[1] * y + b);
      const gradient = pull(act, { w, b });
      return {
        active: pre.filter((z) => act.slope(z) !== 0).length / pre.length,
        margin: Math.max(...pre) / Math.hypot(...w),
        gradient: Math.hypot(...gradient),
        loss: pre.reduce((sum, z, i) => sum + (act.value(z) - data.targets[i]!) ** 2, 0) / pre.length / 2,
        bias: b,
      };
    },
    draw: (stage, state, readings, move) => {
      const act = actOf(state);
      const [start, now] = [first(state), trained(state)];
      const alive = readings["active"]! > 0;
      const moved = num(state, "steps") > 0;
      const pre = data.points.map(([x, y]) => now.w[0] * x + now.w[1] * y + now.b);
      const open = (z: number): boolean => act.slope(z) !== 0;
      const dots = (name: string, keep: (z: number) => boolean, tone: "fine" | "muted", shape: "circle" | "cross"): Mark => ({
        kind: "dots", name, tone, shape, size: shape === "cross" ? 3.2 : 4, points: data.points.filter((_, i) => keep(pre[i]!)),
      });
      const size = Math.hypot(...now.w) || 1;
      const foot: Point = [(-now.b * now.w[0]) / size ** 2, (-now.b * now.w[1]) / size ** 2];
      const tip: Point = [foot[0] + (1.1 * now.w[0]) / size, foot[1] + (1.1 * now.w[1]) / size];
      const height = stage.tall(450);
      const { place, left, top } = plane(stage, 0, {
        reach: 4.6, height,
        summary: `${data.points.length} points and the unit's hyperplane; ${share(readings["active"]!)} of the points pass a gradient.`,
        marks: (across) => [
          shade(now),
          dots("pass a gradient", open, "fine", "circle"),
          dots("pass none", (z) => !open(z), "muted", "cross"),
          ...(moved ? [hyperplane({ ...start, tone: "muted", dashed: true }, across)] : []),
          hyperplane({ ...now, tone: alive ? "accent" : "error" }, across),
          arrow(foot, tip, alive ? "accent" : "error"),
        ],
      });
      const clamp = (value: number): number => Math.round(20 * Math.max(-8, Math.min(8, value))) / 20;
      const inside = ([x, y]: Point): { x: number; y: number } => ({
        x: left + Math.max(8, Math.min(place.width - 8, place.x(x))),
        y: top + Math.max(8, Math.min(place.height - 8, place.y(y))),
      });
      stage.handle(0, "line", {
        label: "the hyperplane, moved along its normal", value: num(state, "bias"),
        text: `bias ${number(num(state, "bias"))}, ${share(readings["active"]!)} of the data pass a gradient`,
        ...inside(foot), tone: alive ? "accent" : "error",
        onMove: (x, y) => {
          const [px, py] = [place.x.invert(x - left), place.y.invert(y - top)];
          move({ bias: clamp(-(start.w[0] * px + start.w[1] * py)), steps: 0 });
        },
        onKey: (across, up, big) => move({ bias: clamp(num(state, "bias") + (across + up) * (big ? 1 : 0.1)), steps: 0 }),
      });
      const turned = (angle: number): State => ({ angle: Math.round(((angle + 540) % 360) - 180), steps: 0 });
      stage.handle(0, "turn", {
        label: "the direction of the weights", value: num(state, "angle"), text: `${number(num(state, "angle"))} degrees`,
        ...inside(tip), tone: alive ? "accent" : "error",
        onMove: (x, y) => {
          const [px, py] = [place.x.invert(x - left) - foot[0], place.y.invert(y - top) - foot[1]];
          move(turned((Math.atan2(py, px) * 180) / Math.PI));
        },
        onKey: (across, up, big) => move(turned(num(state, "angle") + (across + up) * (big ? 15 : 3))),
      });
      under(pre, act, stage);
    },
  };
}

/** The open side of a unit, shaded. */
function shade({ w, b }: Unit): Mark {
  return {
    kind: "custom",
    draw: (layer, { x, y }) => {
      const size = Math.hypot(...w) || 1;
      const [nx, ny] = [w[0] / size, w[1] / size];
      const [fx, fy] = [(-b / size) * nx, (-b / size) * ny];
      const far = 60;
      const corners: Point[] = [
        [fx - ny * far, fy + nx * far], [fx + ny * far, fy - nx * far],
        [fx + ny * far + nx * far, fy - nx * far + ny * far], [fx - ny * far + nx * far, fy + nx * far + ny * far],
      ];
      layer.append("path").attr("class", "zone tone-fine").attr("d", `M${corners.map(([p, q]) => `${x(p)},${y(q)}`).join("L")}Z`);
    },
  };
}

/** Where the data fall on the act's curve. */
function under(pre: number[], act: Bound, stage: import("../stage").Stage): void {
  const reach = Math.min(12, Math.max(5, ...pre.map(Math.abs)));
  const xs = line(act.kinks, reach);
  const values = xs.map(act.value);
  const [low, high] = [Math.min(...values), Math.min(Math.max(...values), 6)];
  const room = 0.1 * (high - low);
  stage.plot(1, {
    x: { label: "pre of each point", domain: [-reach, reach] },
    y: { label: "output", domain: [low - room, high + room] },
    height: stage.tall(190), still: true,
    summary: "The points on the act's curve.",
    marks: [
      { kind: "line", name: "f", points: xs.map((x): Point => [x, act.value(x)]), tone: "a" },
      { kind: "dots", name: "pass a gradient", tone: "fine", size: 3.5, points: pre.filter((z) => act.slope(z) !== 0).map((z): Point => [z, act.value(z)]) },
      { kind: "dots", name: "pass none", tone: "muted", shape: "cross", size: 3, points: pre.filter((z) => act.slope(z) === 0).map((z): Point => [z, act.value(z)]) },
    ],
  });
}
