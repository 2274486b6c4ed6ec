// A small net learns to tell two classes apart: its boundary, its units, the dead ones.
import type { Mark, Point } from "../../lib/plot";
import { number, share } from "../../lib/numbers";
import { dark, token } from "../../lib/theme";
import { ramp } from "../../lib/heat";
import { bound } from "../acts";
import { num, type FigureData, type Kind, type State } from "../engine";
import { dead as deadOf, lossOf, pres, randomNet, Trainer, type Loss, type Net } from "../net";
import { bars, type Stage } from "../stage";
import { hyperplane, plane } from "./plane";

interface Data {
  points: [number, number][];
  labels: number[];
  view: "classes" | "gates" | "deaths";
  hidden: number;
  seed: number;
  gain: number;
  how: string;
}
interface Story {
  trainer: Trainer;
  /** Step, loss and dead units, now and then. */
  told: { step: number; loss: number; dead: number }[];
}
const CELLS = 96;

export function boundary({ data }: FigureData<Data>): Kind {
  const x = Float64Array.from(data.points.flat());
  const y = Float64Array.from(data.labels);
  const [kind, how] = data.how.split(" ") as [Loss, string];
  let kept: { key: string; story: Story } | null = null;
  const story = (state: State): Story => {
    const key = `${state["act"]} ${state["width"]} ${state["rate"]} ${state["bias"]}`;
    if (kept?.key !== key) {
      const width = num(state, "width");
      const widths = [2, ...Array<number>(data.hidden).fill(width), 1];
      const net = randomNet(widths, bound(String(state["act"])), data.seed, data.gain, Number(state["bias"] ?? 0));
      const told: Story["told"] = [];
      const note = (now: Net, step: number): void => {
        const all = pres(now, x, y.length);
        told.push({ step, loss: lossOf(all[all.length - 1]!, y, kind), dead: count(deadOf(now, x, y.length)) });
      };
      kept = { key, story: { told, trainer: new Trainer(net, x, y, kind, how, num(state, "rate"), note) } };
    }
    return kept.story;
  };
  const netAt = (state: State): Net => story(state).trainer.to(num(state, "steps"));
  return {
    read: (state) => {
      const net = netAt(state);
      const all = pres(net, x, y.length);
      const out = all[all.length - 1]!;
      const found: Record<string, number> = {
        accuracy: out.filter((z, i) => z > 0 === y[i]! > 0.5).length / y.length,
        loss: lossOf(out, y, kind),
        dead: count(deadOf(net, x, y.length)),
      };
      if (data.view === "deaths") found["born"] = story(state).told[0]!.dead;
      if (data.view === "gates")
        found["passing"] = pres(net, Float64Array.from([num(state, "px"), num(state, "py")]), 1)[0]!.filter((z) => z > 0).length;
      return found;
    },
    draw: (stage, state, readings, move) => {
      const net = netAt(state);
      const lost = deadOf(net, x, y.length)[0]!;
      const height = stage.tall(data.view === "classes" ? 500 : 430);
      const units = (across: number): Mark[] =>
        data.view === "classes" ? [] : lost.flatMap((gone, o) => {
          const [w, b] = [[net.weights[0]![2 * o]!, net.weights[0]![2 * o + 1]!] as Point, net.biases[0]![o]!];
          if (![...w, b].every(Number.isFinite)) return []; // the net diverged: there is no such line
          return hyperplane({ w, b, tone: gone ? "error" : "ink", faint: true, dashed: gone }, across);
        });
      const drawn = plane(stage, 0, {
        reach: 1.25, height,
        summary: `The net tells ${share(readings["accuracy"]!)} of the points right after ${state["steps"]} steps.`,
        marks: (across) => [
          ...units(across),
          { kind: "dots", name: "class 0", tone: "a", size: 4.2, points: data.points.filter((_, i) => data.labels[i] === 0) },
          { kind: "dots", name: "class 1", tone: "b", size: 4.2, shape: "diamond", points: data.points.filter((_, i) => data.labels[i] === 1) },
        ],
      });
      shade(stage, drawn, net);
      if (data.view === "gates") gates(stage, drawn, state, net, move);
      if (data.view === "deaths") deaths(stage, story(state).told, num(state, "steps"), data.hidden * num(state, "width"));
    },
  };

  function shade(stage: Stage, { place, left, top }: ReturnType<typeof plane>, net: Net): void {
    const context = stage.canvas(0, left, top, place.width, place.height, CELLS);
    if (!context) return;
    const { width, height } = context.canvas;
    const spots = new Float64Array(2 * width * height);
    for (let row = 0; row < height; row++)
      for (let column = 0; column < width; column++) {
        const at = 2 * (row * width + column);
        spots[at] = place.x.invert(((column + 0.5) / width) * place.width);
        spots[at + 1] = place.y.invert(((row + 0.5) / height) * place.height);
      }
    const all = pres(net, spots, width * height);
    const stops = [token("--cat-a"), token("--surface"), token("--cat-b")];
    const colors = Array.from({ length: 64 }, (_, i) => {
      const p = (i + 0.5) / 64;
      const side = p > 0.5 ? 1 : -1; // the boundary stays visible where the net is unsure
      return ramp(stops, 0.5 + (dark() ? 0.12 : 0.36) * (p - 0.5) + (dark() ? 0.03 : 0.08) * side);
    });
    const image = context.createImageData(width, height);
    all[all.length - 1]!.forEach((z, i) => {
      const p = 1 / (1 + Math.exp(-z));
      const [r, g, b] = colors[Math.min(63, Math.floor(64 * p))] ?? [128, 128, 128]; // grey: not a number
      image.data[4 * i] = r;
      image.data[4 * i + 1] = g;
      image.data[4 * i + 2] = b;
      image.data[4 * i + 3] = 255;
    });
    context.putImageData(image, 0, 0);
  }

  function gates(stage: Stage, { place, left, top }: ReturnType<typeof plane>, state: State, net: Net, move: (part: State) => void): void {
    const [px, py] = [num(state, "px"), num(state, "py")];
    const clamp = (v: number): number => Math.round(50 * Math.max(-1.2, Math.min(1.2, v))) / 50;
    const own = pres(net, Float64Array.from([px, py]), 1)[0]!;
    const all = pres(net, x, y.length)[0]!;
    const many = own.length;
    stage.handle(0, "probe", {
      label: "the sample", value: px, text: `across ${number(px)}, up ${number(py)}: passes ${own.filter((z) => z > 0).length} of ${many} units`,
      x: left + place.x(px), y: top + place.y(py), tone: "ink",
      onMove: (a, b) => move({ px: clamp(place.x.invert(a - left)), py: clamp(place.y.invert(b - top)) }),
      onKey: (across, up, big) => move({ px: clamp(px + across * (big ? 0.2 : 0.02)), py: clamp(py + up * (big ? 0.2 : 0.02)) }),
    });
    const rows = Array.from(own, (z, o) => {
      const open = y.filter((_, s) => all[s * many + o]! > 0).length / y.length;
      return { name: `${z > 0 ? "●" : "○"} unit ${o + 1}`, value: open, tone: z > 0 ? ("fine" as const) : ("muted" as const), text: stage.width > 560 ? `${share(open)} of the data; this sample ${z > 0 ? `passes at ${number(z)}` : "is stopped"}` : share(open) };
    });
    bars(stage.inner(1), stage.width, rows, "The share of the data that each unit passes", [0, 1]);
  }

  function deaths(stage: Stage, told: Story["told"], steps: number, units: number): void {
    const until = told.filter(({ step }) => step <= Math.max(steps, 1));
    const points = (name: "loss" | "dead"): Point[] => until.map((each): Point => [each.step, each[name]]);
    stage.plot(1, {
      x: { label: "step", domain: [0, Math.max(steps, 10)] },
      y: { label: `dead units, of ${units}`, domain: [0, units] },
      height: 170,
      marks: [{ kind: "line", name: "dead units", points: points("dead"), tone: "error", label: "dead" }],
      summary: `Dead units over the steps: ${until[until.length - 1]?.dead ?? 0} of ${units} at the end.`,
    });
  }
}

function count(all: boolean[][]): number {
  return all.flat().filter(Boolean).length;
}
