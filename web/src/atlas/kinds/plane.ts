// A plane of data: one scale for both axes, points, and lines across it.
import type { Mark, Place, Plot, Point, Tone } from "../../lib/plot";
import type { Stage } from "../stage";

export interface Line2 {
  w: readonly [number, number];
  b: number;
  tone: Tone;
  faint?: boolean;
  dashed?: boolean;
}

/** A plot whose axes have one scale: `reach` up and down, and as much across as there is room. */
export function plane(stage: Stage, at: number, options: {
  reach: number; centre?: number; height: number; marks: (across: number) => Mark[]; summary: string; labels?: [string, string];
}): { place: Place; left: number; top: number } {
  const [margin, above] = [66, 68]; // what lib/plot keeps free beside and above the inside
  const across = (options.reach * (stage.width - margin)) / (options.height - above);
  const c = options.centre ?? 0;
  const plot: Plot = {
    x: { label: options.labels?.[0] ?? "first feature", domain: [c - across, c + across] },
    y: { label: options.labels?.[1] ?? "second feature", domain: [c - options.reach, c + options.reach] },
    marks: options.marks(across + Math.abs(c)),
    height: options.height,
    summary: options.summary,
    still: true,
  };
  return stage.plot(at, plot);
}

/** The line w . x + b = 0, long enough to cross the plane. */
export function hyperplane({ w, b, tone, faint, dashed }: Line2, reach: number): Mark {
  const size = Math.hypot(w[0], w[1]) || 1;
  const [nx, ny] = [w[0] / size, w[1] / size];
  const [x, y] = [(-b / size) * nx, (-b / size) * ny];
  const far = 4 * reach;
  const points: Point[] = [[x - ny * far, y + nx * far], [x + ny * far, y - nx * far]];
  return { kind: "line", name: "hyperplane", points, tone, mute: true, ...(faint ? { faint } : {}), ...(dashed ? { dashed } : {}) };
}

export function arrow(from: Point, to: Point, tone: Tone): Mark {
  return {
    kind: "custom",
    draw: (layer, { x, y }) => {
      const [a, b, c, d] = [x(from[0]), y(from[1]), x(to[0]), y(to[1])];
      const size = Math.hypot(c - a, d - b) || 1;
      const [ux, uy] = [(c - a) / size, (d - b) / size];
      const head = `M${c},${d}L${c - 9 * ux + 5 * uy},${d - 9 * uy - 5 * ux}M${c},${d}L${c - 9 * ux - 5 * uy},${d - 9 * uy + 5 * ux}`;
      layer.append("path").attr("class", `line tone-${tone}`).attr("d", `M${a},${b}L${c},${d}${head}`);
    },
  };
}
