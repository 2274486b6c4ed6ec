// Draws the update ratios of many weights as a heat map, where lines would cover each other.
import { h } from "../lib/dom";
import { figure, type Figure } from "../lib/figure";
import { drawHeat, unseen } from "../lib/heat";
import { number } from "../lib/numbers";
import { aligned, bar, picked, STOPS } from "./depth";
import { lastStep, of, STEP, updates } from "./figures";
import type { Run } from "./types";

const LINES = 12; // weights that are still told apart as lines
const DECADES: [number, number] = [-6, 0]; // of the colours; their middle, 1e-3, is a usual step

export function allUpdates(run: Run, height: number): Figure | null {
  const rows = run.weights.flatMap((weight) => {
    const one = of(run, weight.series["update"]);
    return one && one.high.length ? [{ name: weight.name, one }] : [];
  });
  if (rows.length <= LINES) return updates(run, null, "Update ratio of every weight", height);
  const columns = [...rows.map(({ one }) => one.steps).reduce((a, b) => (b.length > a.length ? b : a))];
  const looked = rows.map(({ one }) => aligned(one, columns));
  const value = (row: number, column: number): number | undefined => looked[row]?.[column];
  const legend = h("div", { class: "heat-legend" });
  const [low, high] = DECADES;
  return figure({
    title: "Update ratio of every weight, by step",
    controls: h("div", { class: "figure-controls" }, legend),
    caption: "The length of a step over the length of the weights. Red layers are rewritten by every step, dark blue ones stand still.",
    table: () => ({
      columns: ["weight", ...picked(columns, 9).map((column) => STEP(columns[column] ?? 0))],
      rows: rows.map(({ name }, row) => [name, ...picked(columns, 9).map((column) => number(value(row, column) ?? NaN))]),
    }),
    draw: (host, width) => {
      drawHeat(host, width, {
        rows: rows.map(({ name }) => name),
        columns,
        reach: lastStep(run),
        value,
        place: (found) => (found === 0 ? 0 : Number.isFinite(found) ? (Math.log10(found) - low) / (high - low) : NaN),
        stops: STOPS,
        summary: `Update ratio of ${rows.length} weights over ${columns.length} records.`,
        column: STEP,
        format: number,
      });
      const lost = rows.some((_, row) => columns.some((_, column) => !Number.isFinite(value(row, column) ?? 0)));
      bar(legend, low, high, "of the weights, a step", lost, unseen({ columns, reach: lastStep(run) }));
    },
  });
}
