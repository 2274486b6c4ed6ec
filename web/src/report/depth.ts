// Draws the gradient scale by depth and step as a heat map: where and when the gradient vanishes.
import { choice } from "../lib/controls";
import { h, vars } from "../lib/dom";
import { figure, type Figure } from "../lib/figure";
import { drawHeat, ramp, unseen } from "../lib/heat";
import { number, power } from "../lib/numbers";
import type { Series } from "../lib/series";
import { token } from "../lib/theme";
import { lastStep, of, STEP } from "./figures";
import type { Run } from "./types";

export const STOPS = [0, 1, 2, 3, 4, 5, 6].map((i) => `--heat-${i}`);
const WIDEST = 8; // decades to either side of one: beyond, the colour no longer changes

export function depthMap(run: Run, onPick: (block: number) => void): Figure | null {
  const rows = run.blocks.flatMap((block, at) => {
    const one = of(run, block.series["grad"]);
    return one && one.high.length && block.role !== "attention" ? [{ block, at, one }] : [];
  });
  if (rows.length < 2) return null;
  const grid = rows.map(({ one }) => one.steps).reduce((a, b) => (b.length > a.length ? b : a));
  const columns = [...grid];
  const looked = rows.map(({ one }) => aligned(one, columns));
  const lastAct = rows.map(({ block }) => block.kind).lastIndexOf("act"); // a head may stand after it
  const end = looked[lastAct < 0 ? looked.length - 1 : lastAct]!;
  let relative = true;
  const value = (row: number, column: number): number | undefined => {
    const found = looked[row]?.[column];
    if (found === undefined || !relative) return found;
    const reference = end[column];
    return reference === undefined ? undefined : found / reference;
  };
  const limits = (): [number, number] => {
    let low = Infinity;
    let high = -Infinity;
    looked.forEach((_, row) =>
      columns.forEach((_, column) => {
        const found = value(row, column);
        if (found === undefined || !(found > 0) || !Number.isFinite(found)) return;
        low = Math.min(low, Math.log10(found));
        high = Math.max(high, Math.log10(found));
      }),
    );
    if (low > high) return [-1, 1];
    if (!relative) return [low, high > low ? high : low + 1];
    const most = Math.min(WIDEST, Math.max(2, Math.ceil(Math.max(-low, high))));
    return [-most, most]; // one is the middle of the scale
  };
  const marked = new Set(
    rows.flatMap(({ block }, row) => (block.findings.some((i) => run.findings[i]?.code.startsWith("ACT60")) ? [row] : [])),
  );
  const legend = h("div", { class: "heat-legend" });
  const made = figure({
    title: "Gradient scale by depth and step",
    class: "wide",
    controls: h(
      "div",
      { class: "figure-controls" },
      choice({
        label: "Show",
        values: [["relative", "relative to the last"], ["absolute", "as measured"]],
        value: "relative",
        onChange: (chosen) => {
          relative = chosen === "relative";
          made.update();
        },
      }),
      legend,
    ),
    caption: h("span", {}, "One row for each act, the first at the top; the gradient travels upwards.", marked.size ? " The layer where it breaks is marked." : ""),
    table: () => ({
      columns: ["act", ...picked(columns, 9).map((column) => STEP(columns[column] ?? 0))],
      rows: rows.map(({ block }, row) => [block.name, ...picked(columns, 9).map((column) => written(value(row, column)))]),
    }),
    draw: (host, width) => {
      const [low, high] = limits();
      const place = (found: number): number => {
        if (found === 0) return 0;
        return Number.isFinite(found) ? (Math.log10(found) - low) / (high - low) : NaN;
      };
      drawHeat(host, width, {
        rows: rows.map(({ block }) => block.name),
        columns,
        reach: lastStep(run),
        value,
        place,
        stops: STOPS,
        marked,
        summary: `Gradient scale of ${rows.length} acts over ${columns.length} records; ${summary(rows.map(({ block }) => block.name), value, columns.length)}`,
        column: STEP,
        format: written,
        onPick: (row) => onPick(rows[row]?.at ?? 0),
      });
      const lost = rows.some((_, row) => columns.some((_, column) => !Number.isFinite(value(row, column) ?? 0)));
      bar(legend, low, high, relative ? "of the last act’s" : "", lost, unseen({ columns, reach: lastStep(run) }));
    },
  });
  return made;
}

function summary(names: string[], value: (row: number, column: number) => number | undefined, many: number): string {
  return `at the end ${names[0]} has ${written(value(0, many - 1))}, ${names[names.length - 1]} ${written(value(names.length - 1, many - 1))}.`;
}

function written(value: number | undefined): string {
  return value === undefined ? "" : number(value);
}

export function picked(columns: readonly number[], most: number): number[] {
  const many = Math.min(most, columns.length);
  return [...new Set(Array.from({ length: many }, (_, i) => Math.round((i * (columns.length - 1)) / Math.max(1, many - 1))))];
}

/** Values at the columns' steps; of a stretch the middle of its extremes, in decades. */
export function aligned(one: Series, columns: readonly number[]): (number | undefined)[] {
  const places = new Map(one.steps.map((step, i) => [step, i]));
  return columns.map((step) => {
    const i = places.get(step);
    if (i === undefined) return undefined;
    const [low, high] = [one.low[i] ?? NaN, one.high[i] ?? NaN];
    return low > 0 && Number.isFinite(high) ? Math.sqrt(low * high) : high;
  });
}

/** The colours of a heat map; NaN and what nobody looked at only where the map has them. */
export function bar(legend: HTMLElement, low: number, high: number, words: string, lost: boolean, hatched: boolean): void {
  const swatches = h("span", { class: "heat-bar", "aria-hidden": "true" });
  const colors = STOPS.map((name) => token(name));
  for (let i = 0; i < 24; i++) swatches.append(vars(h("i"), { "--c": `rgb(${ramp(colors, i / 23).join(" ")})` }));
  const text = (exponent: number): string => power(Math.round(exponent));
  legend.replaceChildren(h("span", {}, text(low)), swatches, h("span", {}, text(high)), words ? h("span", { class: "muted" }, words) : "",
    lost ? h("span", {}, h("i", { class: "heat-key lost" }), " NaN or infinite") : "",
    hatched ? h("span", {}, h("i", { class: "heat-key hatched" }), " not looked at") : "");
}
