// Every act by the year it was published in, against what it does to a standard normal pre.
import { around, type Mark, type Point } from "../../lib/plot";
import { number } from "../../lib/numbers";
import { bound, called } from "../acts";
import { num, type FigureData, type Kind, type State } from "../engine";
import { line } from "./curve";

interface Data {
  table: Record<string, { year: number; backward: number; flat: number; mean: number; high: number; formula: string; reference: string }>;
}
type Column = "backward" | "flat" | "mean" | "high";

export function timeline({ data, controls }: FigureData<Data>): Kind {
  const names = Object.keys(data.table);
  const height = (state: State, name: string): number => data.table[name]![String(state["column"]) as Column];
  return {
    read: (state) => {
      const name = String(state["act"]);
      const act = bound(name);
      return { year: data.table[name]!.year, height: height(state, name), value: act.value(num(state, "z")), slope: act.slope(num(state, "z")) };
    },
    draw: (stage, state, _, move) => {
      const name = String(state["act"]);
      const log = state["column"] === "backward";
      const words = controls[0]!.options!.find(([value]) => value === state["column"])?.[1] ?? "";
      const all = names.map((each): [string, Point] => [each, [data.table[each]!.year, height(state, each)]]);
      const others = all.filter(([each]) => each !== name).map(([, point]) => point);
      const marks: Mark[] = [
        { kind: "rule", axis: "y", at: log ? 1 : 0, tone: "muted" },
        { kind: "dots", name: "acts", points: others, tone: "a", size: 4.5 },
        { kind: "dots", name, points: [[data.table[name]!.year, height(state, name)]], tone: "accent", size: 7 },
        {
          kind: "custom",
          draw: (layer, { x, y, width }) => {
            const placed: [left: number, right: number, y: number][] = [];
            const dots = all.map(([, [year, value]]): Point => [x(year), y(value)]);
            // the chosen act first, then by year: a name stands right or left of its dot, or not at all
            for (const [each, [year, value]] of [...all].sort(([a], [b]) => Number(b === name) - Number(a === name))) {
              const [px, py] = [x(year), y(value)];
              const chosen = each === name;
              const wide = (chosen ? 8 : 7) * called(each).length;
              const free = (left: number): boolean =>
                left >= 0 && left + wide <= width &&
                !placed.some(([a, b, line]) => left < b + 4 && left + wide > a - 4 && Math.abs(line - py) < 14) &&
                (chosen || !dots.some(([a, b]) => a > left - 3 && a < left + wide + 3 && Math.abs(b - py) < 9));
              const left = [px + 9, px - 9 - wide].find(free);
              if (left === undefined && !chosen) continue;
              const from = left ?? px - 9 - wide;
              placed.push([from, from + wide, py]);
              layer.append("text").attr("class", chosen ? "spot-name chosen" : "spot-name").attr("x", from < px ? px - 9 : px + 9).attr("y", py + 4)
                .attr("text-anchor", from < px ? "end" : "start").text(called(each));
            }
          },
        },
      ];
      const { place, left, top } = stage.plot(0, {
        x: { label: "year", domain: [1955, 2027], format: (year) => String(year) },
        y: { label: words, domain: around(all.map(([, [, value]]) => value), log), log },
        height: stage.tall(400), marks, still: true,
        summary: `${names.length} acts by year; ${called(name)} of ${data.table[name]!.year} at ${number(height(state, name))}.`,
      });
      stage.handle(0, "act", {
        label: "the act, from year to year", value: names.indexOf(name), text: `${called(name)}, ${data.table[name]!.year}`,
        x: left + place.x(data.table[name]!.year), y: top + place.y(height(state, name)),
        onMove: (px, py) => {
          const near = all.map(([each, [year, value]]): [string, number] => [each, Math.hypot(left + place.x(year) - px, top + place.y(value) - py)]);
          move({ act: near.sort((a, b) => a[1] - b[1])[0]![0] });
        },
        onKey: (across, up) => move({ act: names[(names.indexOf(name) + across + up + names.length) % names.length]! }),
      });
      const act = bound(name);
      const z = num(state, "z");
      const xs = line(act.kinks, 6);
      const [low, high] = around(xs.map(act.value));
      stage.plot(1, {
        x: { label: "z", domain: [-6, 6] },
        y: { label: `${called(name)} (${data.table[name]!.year})`, domain: [Math.max(-4, low), Math.min(6, high)] },
        height: 190,
        marks: [
          { kind: "line", name: "slope", tone: "b", dashed: true, points: xs.map((x): Point => [x, act.slope(x)]), label: "slope" },
          { kind: "line", name: "f", tone: "a", points: xs.map((x): Point => [x, act.value(x)]), label: "f" },
          { kind: "rule", axis: "x", at: z, tone: "accent" },
        ],
        summary: `The curve of ${called(name)}.`,
      });
    },
    table: () => ({
      columns: ["act", "year", ...controls[0]!.options!.map(([, words]) => words)],
      rows: names.map((name) => {
        const row = data.table[name]!;
        return [called(name), row.year, number(row.backward), number(row.flat), number(row.mean), number(row.high)];
      }),
    }),
  };
}
