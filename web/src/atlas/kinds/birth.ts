// Many random units over one cloud: which are born dead, which never bend, which do their work.
import type { Mark, Tone } from "../../lib/plot";
import { num, type FigureData, type Kind, type State } from "../engine";
import { bars } from "../stage";
import { hyperplane, plane } from "./plane";

interface Data {
  points: [number, number][];
  units: [number, number][];
}

export function birth({ data, labels }: FigureData<Data>): Kind {
  const fates = (state: State): ("dead" | "straight" | "working")[] => {
    const [scale, bias, offset] = [num(state, "scale"), num(state, "bias"), num(state, "offset") / Math.SQRT2];
    return data.units.map(([u, v]) => {
      const open = data.points.filter(([x, y]) => scale * (u * (x + offset) + v * (y + offset)) + bias > 0).length;
      return open === 0 ? "dead" : open === data.points.length ? "straight" : "working";
    });
  };
  return {
    read: (state) => {
      const found = fates(state);
      const many = (fate: string): number => found.filter((each) => each === fate).length;
      return { dead: many("dead"), straight: many("straight"), working: many("working") };
    },
    draw: (stage, state, readings) => {
      const found = fates(state);
      const [scale, bias, offset] = [num(state, "scale"), num(state, "bias"), num(state, "offset") / Math.SQRT2];
      const tones: Record<string, Tone> = { dead: "error", straight: "warning", working: "fine" };
      plane(stage, 0, {
        reach: 4.5, centre: offset / 2, height: stage.tall(420),
        summary: `${data.units.length} hyperplanes of random units over the data: ${readings["dead"]} dead, ${readings["straight"]} that bend nothing, ${readings["working"]} working.`,
        marks: (across): Mark[] => [
          ...data.units.map(([u, v], i) => hyperplane({ w: [scale * u, scale * v], b: bias, tone: tones[found[i]!]!, faint: true, dashed: found[i] !== "working" }, across)),
          { kind: "dots", name: "data", tone: "ink", size: 3.2, points: data.points.map(([x, y]) => [x + offset, y + offset] as const) },
        ],
      });
      const words = { dead: "dead", straight: "always open", working: "working" };
      bars(
        stage.inner(1), stage.width,
        (["dead", "straight", "working"] as const).map((fate) => ({
          name: words[fate], value: readings[fate]!, tone: tones[fate]!, text: `${readings[fate]} of ${data.units.length}`,
        })),
        Object.values(labels).join("; "), [0, data.units.length],
      );
    },
  };
}
