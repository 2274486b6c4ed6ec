// Draws the pre of each unit under the curve of its act, as a bar of mean and two deviations: a unit
// in the flat part of the act shows at once.
import { line } from "d3-shape";

import { slider } from "../lib/controls";
import { figure, type Figure } from "../lib/figure";
import { count, number, span } from "../lib/numbers";
import { draw, type Mark, type Tone } from "../lib/plot";
import type { Block, Curves, Spread } from "./types";

const STATES: readonly (readonly [text: string, tone: Tone])[] = [
  ["never a slope", "error"],
  ["flat below", "b"],
  ["flat above", "d"],
  ["alive", "fine"],
];

export function spread(block: Block, curves: Curves, end: number): Figure | null {
  const windows = (block.spread ?? []).filter((window) => window.rows.length);
  if (!windows.length) return null;
  let at = windows.length - 1;
  const until = windows[at]!.steps[1];
  const early = until < 0.9 * end ? ` The pre was read up to step ${until.toLocaleString("en-US")} only.` : "";
  const now = (): Spread => windows[at]!;
  const control =
    windows.length > 1
      ? slider({
          label: "When",
          min: 0,
          max: windows.length - 1,
          step: 1,
          value: at,
          format: (i) => span(...windows[i]!.steps),
          onInput: (i) => {
            at = i;
            made.update();
          },
        }).element
      : undefined;
  const made = figure({
    title: `Pre of each unit on the curve of ${block.act}`,
    controls: control,
    caption: `Each bar is a unit: its mean and two standard deviations to either side. Where the curve is shaded, its slope is below 5 % of the largest.${early}`,
    table: () => ({
      columns: ["unit, by mean", "mean", "deviation", "state"],
      rows: now().rows.map(([mean, deviation, state], i) => [i + 1, number(mean), number(deviation), STATES[state]?.[0] ?? ""]),
    }),
    draw: (host, width) => void paint(host, width, block, curves, now(), windows),
  });
  return made;
}

function paint(host: HTMLElement, width: number, block: Block, curves: Curves, window: Spread, all: readonly Spread[]): void {
  const curve = curves.acts[block.act];
  const reach = domain(all, curve?.low, curve?.high);
  const states = STATES.map((_, state) => window.rows.filter((row) => row[2] === state).length);
  const told = STATES.flatMap(([text], state) => (states[state] ? [`${states[state]} ${text}`] : []));
  const zones: Mark[] = [];
  if (curve?.low != null) zones.push({ kind: "zone", axis: "x", from: reach[0], to: curve.low, tone: "warning", label: "flat" });
  if (curve?.high != null) zones.push({ kind: "zone", axis: "x", from: curve.high, to: reach[1], tone: "warning", label: "flat" });
  draw(host, width, {
    height: 300,
    still: true,
    summary: `Pre of ${count(window.units, "unit")} at ${span(...window.steps)}: ${told.join(", ")}.`,
    x: { label: "pre z", domain: reach },
    y: { label: told.join(" · "), domain: [0, 1], ticks: [] },
    marks: [
      ...zones,
      { kind: "rule", axis: "x", at: 0, tone: "muted" },
      {
        kind: "custom",
        draw: (layer, { x, height }) => {
          const top = height * 0.44;
          if (curve) {
            const points = extended(curve.value, curves.z, reach);
            const values = points.map(([, value]) => value);
            const [low, high] = [Math.min(...values), Math.max(...values)];
            const y = (value: number): number => 14 + (top - 14) * (1 - (value - low) / (high - low || 1));
            const path = line<[number, number]>().x(([z]) => x(z)).y(([, value]) => y(value));
            layer.append("path").attr("class", "line tone-ink").attr("d", path(points));
          }
          const room = (height - top - 10) / window.rows.length;
          window.rows.forEach(([mean, deviation, state], i) => {
            const tone = STATES[state]?.[1] ?? "fine";
            const y = top + 8 + (i + 0.5) * room;
            const thick = Math.max(1, Math.min(5, room * 0.72));
            layer
              .append("line")
              .attr("class", `unit tone-${tone}`)
              .attr("x1", x(mean - 2 * deviation) - 0.7)
              .attr("x2", x(mean + 2 * deviation) + 0.7)
              .attr("y1", y)
              .attr("y2", y)
              .attr("stroke-width", thick);
            layer.append("rect").attr("class", `unit-mean tone-${tone}`).attr("x", x(mean) - 1).attr("y", y - thick / 2).attr("width", 2).attr("height", thick);
          });
        },
      },
    ],
  });
}

/** Wide enough for nearly all units, for zero and for the edges of the flat parts. */
function domain(all: readonly Spread[], low?: number | null, high?: number | null): [number, number] {
  const lows = all.flatMap(({ rows }) => rows.map(([mean, deviation]) => mean - 2 * deviation)).sort((a, b) => a - b);
  const highs = all.flatMap(({ rows }) => rows.map(([mean, deviation]) => mean + 2 * deviation)).sort((a, b) => a - b);
  const from = Math.min(-1, (low ?? 0) * 1.25 - 0.5, lows[Math.floor(lows.length * 0.01)] ?? -1);
  const to = Math.max(1, (high ?? 0) * 1.25 + 0.5, highs[Math.ceil(highs.length * 0.99) - 1] ?? 1);
  return [from, to];
}

/** The curve over the domain; beyond its table it goes on as it ended. */
function extended(value: readonly number[], [start, step, many]: Curves["z"], [low, high]: [number, number]): [number, number][] {
  const found: [number, number][] = value.map((v, i): [number, number] => [start + i * step, v]);
  const end = start + (many - 1) * step;
  const slope = (a: number, b: number): number => ((value[b] ?? 0) - (value[a] ?? 0)) / ((b - a) * step);
  if (low < start) found.unshift([low, (value[0] ?? 0) + (low - start) * slope(0, 1)]);
  if (high > end) found.push([high, (value[many - 1] ?? 0) + (high - end) * slope(many - 2, many - 1)]);
  return found.filter(([z]) => z >= low - step && z <= high + step);
}
