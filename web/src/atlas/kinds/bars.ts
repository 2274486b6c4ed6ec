// Measured numbers with their intervals, arm by arm.
import { h } from "../../lib/dom";
import { number, share } from "../../lib/numbers";
import type { FigureData, Kind, State } from "../engine";
import { bars as rows, type Row } from "../stage";

type Spot = [middle: number | null, low: number | null, high: number | null];
interface Data {
  columns: Record<string, Record<string, Spot>>;
  columnLabels: Record<string, string>;
  unit: string;
  points: Record<string, Record<string, number[]>>;
  /** What a missing number means, by column and arm. */
  notes: { missing?: Record<string, Record<string, string>>; source?: string[] };
}

export function bars({ data, labels }: FigureData<Data>): Kind {
  const first = Object.keys(data.columns)[0]!;
  const column = (state: State): string => String(state["column"] ?? first);
  const scaled = (state: State, arm: string): [number, number | undefined, number | undefined] => {
    const [middle, low, high] = data.columns[column(state)]![arm]!;
    const base = state["base"] === "none" ? 1 : data.columns[column(state)]![String(state["base"])]![0];
    if (middle === null || !base) return [NaN, undefined, undefined];
    return [middle / base, low === null ? undefined : low / base, high === null ? undefined : high / base];
  };
  const seeds = (state: State, arm: string): number[] => {
    const base = state["base"] === "none" ? 1 : (data.columns[column(state)]![String(state["base"])]![0] ?? NaN);
    return (data.points[column(state)]?.[arm] ?? []).map((value) => value / base);
  };
  return {
    read: (state) => Object.fromEntries(Object.keys(data.columns[first]!).map((arm) => [arm, scaled(state, arm)[0]])),
    draw: (stage, state) => {
      const words = data.columnLabels[column(state)] ?? "";
      const text = (value: number): string =>
        state["base"] !== "none" ? `${number(value)} ×` : isShare(words) ? share(value) : number(value);
      const every = Object.keys(data.columns[first]!);
      const reach = 1.25 * Math.max(...every.flatMap((arm) => scaled(state, arm).filter((end): end is number => Number.isFinite(end))));
      const found = every.map((arm): Row => {
        const [value, low, high] = scaled(state, arm);
        const missing = data.notes.missing?.[column(state)]?.[arm] ?? "not measured";
        const spread = low !== undefined && high !== undefined ? ` (${number(low)} to ${number(high)})` : "";
        const points = seeds(state, arm);
        const lost = points.filter((point) => point > reach);
        const beyond = lost.length ? `, ${lost.length} of ${points.length} beyond, to ${text(Math.max(...lost))}` : "";
        const span = stage.width > 520 && state["base"] === "none" && !isShare(words) ? spread : "";
        return { name: labels[arm] ?? arm, value, low, high, points, tone: state["base"] === arm ? "accent" : "a", text: Number.isFinite(value) ? text(value) + span + beyond : missing };
      });
      const panel = stage.inner(0);
      rows(panel, stage.width, found, `${words}: ${found.map((row) => `${row.name} ${row.text}`).join("; ")}`, [0, reach]);
      panel.prepend(h("p", { class: "bars-column" }, words));
      if (data.notes.source) panel.append(h("ul", { class: "bars-source" }, data.notes.source.map((line) => h("li", {}, line))));
    },
    table: (state) => ({
      columns: ["", data.columnLabels[column(state)] ?? "", "from", "to"],
      rows: Object.keys(data.columns[first]!).map((arm) => {
        const [value, low, high] = scaled(state, arm);
        return [labels[arm] ?? arm, Number.isFinite(value) ? number(value) : "none", low === undefined ? "" : number(low), high === undefined ? "" : number(high)];
      }),
    }),
    wide: true,
    echo: true,
  };
}

/** Shares and errors are written as percentages; steps to an error are not. */
function isShare(words: string): boolean {
  return /share|error/.test(words) && !words.startsWith("steps");
}
