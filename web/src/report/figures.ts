// Draws the figures of a run. Each makes its own domain, unless two runs share one.
import { figure, type Figure, type Table } from "../lib/figure";
import { h } from "../lib/dom";
import { prefix, without } from "../lib/heat";
import { number, power, share } from "../lib/numbers";
import { around, draw, type Mark, type Plot, type Tone } from "../lib/plot";
import { finite, points, series, type Raw, type Series } from "../lib/series";
import type { Block, Finding, Run } from "./types";

const PERCENT = (value: number): string => `${number(Math.round(value * 1000) / 10)} %`;
const STEP = (step: number): string => `step ${Math.round(step).toLocaleString("en-US")}`;

export function of(run: Run, raw: Raw | undefined): Series | undefined {
  return raw && series(raw, run.grids);
}

export function lastStep(run: Run): number {
  return Math.max(1, ...run.grids.map((grid) => grid[grid.length - 1] ?? 0));
}

/** The step up to which these were looked at: the last look and the usual pause after it. */
function seenTo(all: readonly Series[]): number {
  return Math.max(0, ...all.map(({ steps }) => {
    const end = steps[steps.length - 1] ?? 0;
    return end + (end - (steps[0] ?? 0)) / Math.max(1, steps.length - 1);
  }));
}

/** Rows of a table: a step, then a value of every series there. */
function overSteps(columns: [string, Series][], format: (value: number) => string): Table {
  const steps = [...new Set(columns.flatMap(([, one]) => [...one.steps]))].sort((a, b) => a - b);
  const places = columns.map(([, one]) => new Map(one.steps.map((step, i) => [step, i])));
  const rows = steps.map((step) => [
    step.toLocaleString("en-US"),
    ...columns.map(([, one], at) => {
      const i = places[at]?.get(step);
      if (i === undefined) return "";
      const [low, high] = [one.low[i] ?? NaN, one.high[i] ?? NaN];
      return low === high ? format(high) : `${format(low)} to ${format(high)}`;
    }),
  ]);
  return { columns: ["step", ...columns.map(([name]) => name)], rows };
}

function every(all: Series[]): number[] {
  return all.flatMap((one) => [...one.low, ...one.high]);
}

type Look = { name: string; tone: Tone; faint?: boolean; label?: boolean };

/** A series as a line; where only the extremes of stretches are known, as the band between them. */
function course(one: Series, look: Look): Mark[] {
  if (one.low === one.high) return [{ kind: "line", points: points(one), ...look }];
  const edge = (ends: readonly number[]): [number, number][] => one.steps.map((step, i) => [step, ends[i] ?? NaN]);
  return [
    { kind: "band", name: look.name, tone: look.tone, points: one.steps.map((step, i) => [step, one.low[i] ?? NaN, one.high[i] ?? NaN]) },
    { kind: "line", points: edge(one.low), ...look, faint: true, mute: true, label: false },
    { kind: "line", points: edge(one.high), ...look, faint: true, mute: true },
  ];
}

function events(run: Run, most: number, block?: number): Mark[] {
  const wanted = run.events.filter((event) => block === undefined || event.block === block || event.block === null);
  const seen = new Set<number>();
  const marks: Mark[] = [];
  for (const event of wanted) {
    if (seen.has(event.step) || marks.length >= most) continue;
    seen.add(event.step);
    marks.push({ kind: "rule", axis: "x", at: event.step, tone: event.tone === "error" ? "error" : "warning" });
  }
  return marks;
}

export function shares(run: Run, block: Block, at: number, height = 230): Figure | null {
  const known: [string, string, Tone][] = [
    ["silent", "units with no slope", "error"],
    ["low", "flat below", "b"],
    ["high", "flat above", "d"],
  ];
  const shown = known.flatMap(([key, label, tone]) => {
    const one = of(run, block.series[key]);
    return one ? [{ label, tone, one }] : [];
  });
  if (!shown.length) return null;
  return figure({
    title: "Silent and saturated",
    caption: "Units that had no slope on any sampled row of a record, and entries where the slope is below 5 % of the act’s largest.",
    table: () => overSteps(shown.map(({ label, one }) => [label, one]), PERCENT),
    draw: (host, width) =>
      void draw(host, width, {
        height,
        summary: `Over ${STEP(lastStep(run))}: ${shown.map(({ label, one }) => `${label} ${PERCENT(one.high[one.high.length - 1] ?? NaN)} at the end`).join(", ")}.`,
        x: { label: "step", domain: [0, lastStep(run)] },
        seen: seenTo(shown.map(({ one }) => one)),
        y: { label: "share", domain: [0, 1], format: PERCENT, ticks: [0, 0.25, 0.5, 0.75, 1] },
        at: STEP,
        marks: [
          ...events(run, 3, at),
          ...shown.flatMap(({ label, tone, one }) => course(one, { name: label, tone, label: true })),
        ],
      }),
  });
}

export function scales(run: Run, block: Block, height = 230): Figure | null {
  const known: [string, string, Tone][] = [
    ["pre_rms", "pre", "a"],
    ["post_rms", "post", "c"],
    ["grad", "gradient", "b"],
    ["rms", "input", "a"],
  ];
  const shown = known.flatMap(([key, label, tone]) => {
    const one = of(run, block.series[key]);
    return one ? [{ label, tone, one }] : [];
  });
  if (!shown.length) return null;
  return figure({
    title: "Scale of signal and gradient",
    caption: "Root mean square over all sampled entries; the gradient is that of the loss with respect to the pre.",
    table: () => overSteps(shown.map(({ label, one }) => [label, one]), number),
    draw: (host, width) =>
      void draw(host, width, {
        height,
        summary: shown.map(({ label, one }) => `RMS of the ${label}: ${number(one.high[0] ?? NaN)} at first, ${number(one.high[one.high.length - 1] ?? NaN)} at the end`).join("; "),
        x: { label: "step", domain: [0, lastStep(run)] },
        seen: seenTo(shown.map(({ one }) => one)),
        y: { label: "RMS, log", log: true, domain: around(every(shown.map(({ one }) => one)), true) },
        at: STEP,
        marks: shown.flatMap(({ label, tone, one }) => course(one, { name: label, tone, label: true })),
      }),
  });
}

const FAST = 0.1; // ACT605: a step that changes the median weight by more rewrites the network
const SLOW = 1e-5; // ACT606

export function updates(run: Run, only: number | null, title: string, height = 230): Figure | null {
  const shown = run.weights.flatMap((weight) => {
    const one = of(run, weight.series["update"]);
    return one && (only === null || weight.block === only) ? [{ name: weight.name, one }] : [];
  });
  if (!shown.length) return null;
  const many = shown.length > 6;
  const tones: Tone[] = ["a", "b", "c", "d", "e", "f"];
  return figure({
    title,
    caption: `The length of a step over the length of the weights. Above ${number(FAST)} a step rewrites the layer; below ${number(SLOW)} it stands still.`,
    table: () => overSteps(shown.slice(0, 12).map(({ name, one }) => [name, one]), number),
    draw: (host, width) => {
      if (every(shown.map(({ one }) => one)).every((value) => value === 0))
        return host.replaceChildren(h("p", { class: "muted" }, "No step changed it: the ratio is 0 wherever it was looked at."));
      const domain = around([...every(shown.map(({ one }) => one)), 1e-3], true);
      void draw(host, width, {
        height,
        summary: `Update ratio of ${shown.length} weights over steps, between ${number(domain[0])} and ${number(domain[1])}.`,
        x: { label: "step", domain: [0, lastStep(run)] },
        seen: seenTo(shown.map(({ one }) => one)),
        y: { label: "update / weight, log", log: true, domain },
        at: STEP,
        marks: [
          ...(domain[1] > FAST ? [{ kind: "zone", axis: "y", from: FAST, to: domain[1], tone: "error", label: "too fast" } as Mark] : []),
          ...(domain[0] < SLOW ? [{ kind: "zone", axis: "y", from: domain[0], to: SLOW, tone: "warning", label: "stands still" } as Mark] : []),
          ...shown.flatMap(({ name, one }, i) =>
            course(one, { name, tone: many ? "a" : tones[i] ?? "a", faint: many, label: !many }),
          ),
        ],
      });
    },
  });
}

export function loss(runs: readonly Run[], title: string, height = 280, words = true): Figure | null {
  const tones: Tone[] = runs.length > 1 ? ["a", "b"] : ["ink"];
  const shown = runs.flatMap((run, i) => {
    const one = of(run, run.run.loss);
    return one ? [{ run, one, tone: tones[i] ?? ("ink" as Tone), name: runs.length > 1 ? run.name : "loss" }] : [];
  });
  const first = shown[0];
  if (!first) return null;
  const chance = finite(first.run.numbers["chance"] ?? "nan");
  const values = every(shown.map(({ one }) => one)).filter(Number.isFinite);
  const spread = Math.max(...values) / Math.max(1e-12, Math.min(...values));
  const log = Math.min(...values) > 0 && spread > 100;
  const marks = runs.length === 1 ? labelled(first.run, words ? 3 : 0) : [];
  const begun = marks.flatMap((mark) => (mark.kind === "rule" ? first.run.events.filter((event) => event.step === mark.at).slice(0, 1) : []));
  const told = begun.length && words ? ` Marked: ${begun.map((event) => `${event.text} (${STEP(event.step)})`).join(", ")}.` : "";
  return figure({
    title,
    caption: Number.isFinite(chance) ? `The dashed line is chance: the loss of the best constant guess, ${number(chance)}.${told}` : told || undefined,
    table: () => overSteps(shown.map(({ name, one }) => [name, one]), number),
    draw: (host, width) =>
      void draw(host, width, {
        height,
        summary: `${shown.map(({ name, one }) => `${name}: ${number(one.high[0] ?? NaN)} at first, ${number(one.high[one.high.length - 1] ?? NaN)} at the end`).join("; ")}.${told}`,
        x: { label: "step", domain: [0, Math.max(...runs.map(lastStep))] },
        seen: seenTo(shown.map(({ one }) => one)),
        y: { label: log ? "loss, log" : "loss", log, domain: around(Number.isFinite(chance) ? [...values, chance] : values, log, log ? undefined : 0) },
        at: STEP,
        marks: [
          ...(Number.isFinite(chance) ? [{ kind: "rule", axis: "y", at: chance, tone: "muted", label: "chance" } as Mark] : []),
          ...marks,
          ...shown.flatMap(({ name, one, tone }) => course(one, { name, tone, label: runs.length > 1 })),
        ],
      }),
  });
}

/** The first events as rules with words, each a line lower than the one before. */
function labelled(run: Run, most: number): Mark[] {
  const marks = events(run, most || 3);
  if (!most) return marks;
  const room = lastStep(run) / 8;
  let before = -Infinity;
  return marks.map((mark) => {
    if (mark.kind !== "rule" || mark.at - before < room) return mark;
    before = mark.at;
    const event = run.events.find((each) => each.step === mark.at);
    return event ? { ...mark, label: event.text.split(" at ")[0] ?? "" } : mark;
  });
}

export function evidence(run: Run, finding: Finding, height = 260, title?: string): Figure | null {
  const curve = points(series(finding.curve, run.grids));
  if (curve.length < 2) return null;
  const limit = finding.limit === null ? NaN : finite(finding.limit);
  const values = [...curve.map(([, value]) => value), ...(Number.isFinite(limit) ? [limit] : [])];
  const positive = values.filter((value) => Number.isFinite(value) && value > 0);
  const log = positive.length === values.length && Math.max(...positive) > 100 * Math.min(...positive);
  const up = !(finite(finding.value) < limit);
  const domain = around(values, log);
  const format = finding.stat.endsWith("_share") ? share : number;
  return figure({
    title: title ?? `${finding.stat.replace(/_/g, " ")} over steps`,
    caption: Number.isFinite(limit) ? `The limit is ${format(limit)}; ${up ? "above" : "below"} it the finding holds.` : undefined,
    table: () => ({ columns: ["step", finding.stat], rows: curve.map(([step, value]) => [step.toLocaleString("en-US"), format(value)]) }),
    draw: (host, width) => {
      const marks: Mark[] = [];
      if (Number.isFinite(limit)) {
        marks.push({ kind: "zone", axis: "y", from: limit, to: up ? domain[1] : domain[0], tone: "error" });
        marks.push({ kind: "rule", axis: "y", at: limit, tone: "error", label: `limit ${format(limit)}` });
      }
      marks.push({ kind: "line", name: finding.stat, tone: "ink", points: curve });
      void draw(host, width, {
        height,
        summary: `${finding.stat} over steps: ${format(curve[0]?.[1] ?? NaN)} at first, ${format(curve[curve.length - 1]?.[1] ?? NaN)} at the end${Number.isFinite(limit) ? `, limit ${format(limit)}` : ""}.`,
        x: { label: "step", domain: [Math.min(0, curve[0]?.[0] ?? 0), Math.max(lastStep(run), curve[curve.length - 1]?.[0] ?? 1)] },
        y: { label: finding.stat.replace(/_/g, " "), log, domain, ...(log ? {} : { format }) },
        at: STEP,
        marks,
      });
    },
  });
}

/** One stat of all acts over steps, the blamed ones in front. */
export function everywhere(run: Run, key: string, blamed: ReadonlySet<number>, title: string, caption: string): Figure | null {
  const shown = run.blocks.flatMap((block, at) => {
    const one = of(run, block.series[key]);
    return one ? [{ name: block.name, one, hot: blamed.has(at) }] : [];
  });
  if (!shown.length) return null;
  shown.sort((a, b) => Number(a.hot) - Number(b.hot));
  return figure({
    title,
    caption,
    table: () => overSteps(shown.slice(-12).map(({ name, one }) => [name, one]), PERCENT),
    draw: (host, width) => {
      const tones: Tone[] = ["error", "b", "d", "e"];
      let hot = 0;
      void draw(host, width, {
        height: 320,
        summary: `${title}. ${shown.filter((each) => each.hot).map(({ name, one }) => `${name}: ${PERCENT(one.high[one.high.length - 1] ?? NaN)} at the end`).join("; ")}`,
        x: { label: "step", domain: [0, lastStep(run)] },
        seen: seenTo(shown.map(({ one }) => one)),
        y: { label: "share", domain: [0, 1], format: PERCENT, ticks: [0, 0.25, 0.5, 0.75, 1] },
        at: STEP,
        marks: [
          ...events(run, 3),
          ...shown.flatMap(({ name, one, hot: blame }) =>
            course(one, { name, tone: blame ? tones[hot++] ?? "error" : "muted", faint: !blame, label: blame && hot <= 4 }),
          ),
        ],
      });
    },
  });
}

/** Where the first step that was not finite broke: each place's share of such values. */
export function nonfinite(run: Run, blamed: ReadonlySet<number>): Figure | null {
  const rows = run.hero.rows ?? [];
  const bad = rows.findIndex(([, part]) => part > 0);
  if (bad < 0) return null;
  const blame = new Set([...blamed].map((at) => run.blocks[at]?.name));
  const when = STEP(run.hero.step ?? 0);
  const cut = prefix(rows.map(([name]) => name));
  const short = rows.map(([name]) => brief(without(cut, name)));
  const few = rows.length <= 12;
  return figure({
    title: `The first NaN or infinity stands at ${rows[bad]![0]}, ${when}`,
    caption: `Share of the values at each place that are NaN or infinite at ${when}, as data flows. ${everLost(run)}`,
    table: () => ({ columns: ["place", "NaN or infinite"], rows: rows.map(([name, part]) => [name, exact(part)]) }),
    draw: (host, width) => {
      const room = width - 70 > 6.6 * (Math.max(...short.map((name) => name.length)) + 1) * rows.length;
      const bars = (hot: boolean): [number, number, number][] =>
        rows.flatMap(([name, part], i): [number, number, number][] => (part > 0 && blame.has(name) === hot ? [[i - 0.35, i + 0.35, Math.max(part, 0.004)]] : []));
      void draw(host, width, {
        height: 320,
        still: true,
        summary: `NaN or infinite at ${when}: ${rows.map(([name, part]) => `${name} ${exact(part)}`).join(", ")}.`,
        x: {
          label: "place, as data flows",
          domain: [-0.6, rows.length - 0.4],
          ticks: few ? rows.map((_, i) => i) : ticksOf(rows.length, width),
          format: (i) => (few && room ? short[Math.round(i)] ?? "" : String(Math.round(i) + 1)),
        },
        y: { label: "NaN or infinite", domain: [0, 1.08], format: PERCENT, ticks: [0, 0.25, 0.5, 0.75, 1] },
        marks: [
          { kind: "bars", name: "NaN or infinite", tone: "error", bars: bars(true) },
          { kind: "bars", name: "NaN or infinite", tone: "b", bars: bars(false) },
          { kind: "custom", draw: (layer, { x, y }) => few && rows.forEach(([, part], i) => layer.append("text").attr("class", "mark-note tone-ink").attr("x", x(i)).attr("y", y(part) - 5).attr("text-anchor", "middle").text(exact(part))) },
        ],
      });
    },
  });
}

function exact(part: number): string {
  return `${number(100 * part)} %`; // one row of many is a share that PERCENT would round to none
}

/** What became of the loss, where none of it is a number. */
function everLost(run: Run): string {
  const one = of(run, run.run.loss);
  return one && one.high.every((value) => !Number.isFinite(value)) ? "The loss is NaN or infinite at every step." : "";
}

const THOUSANDTH = 1e-3; // the limit of vanishing-gradient

/** The gradient from the last act back to the first, at the beginning and at the end of the run. */
export function depth(run: Run, blamed: ReadonlySet<number>, early = false): Figure | null {
  const shown = run.blocks.flatMap((block, at) => {
    const one = of(run, block.series["grad"]);
    return one && one.high.length && block.role !== "attention" ? [{ block, at, one }] : [];
  });
  if (shown.length < 3) return null;
  // the rule counts from the last act, so the figure does: a head may stand after it
  const reference = [...shown].reverse().find(({ block }) => block.kind === "act") ?? shown[shown.length - 1]!;
  const profile = (place: (one: Series) => number): [number, number][] => {
    const end = place(reference.one);
    return shown.map(({ one }, i) => [i, place(one) / end]);
  };
  const first = profile((one) => one.high[0] ?? NaN);
  const final = profile((one) => one.high[one.high.length - 1] ?? NaN);
  const names = shown.map(({ block }) => block.name);
  const bad = shown.flatMap(({ at }, i) => (blamed.has(at) ? [i] : []));
  const least = Math.min(...final.map(([, value]) => value).filter((value) => value > 0));
  const low = least < THOUSANDTH;
  const cut = prefix(shown.filter(({ block }) => block.kind === "act").map(({ block }) => block.name));
  const short = shown.map(({ block }) => brief(without(cut, block.name)));
  const longest = Math.max(...short.map((name) => name.length));
  const few = names.length <= 12;
  return figure({
    title: early ? shrinks(first.map(([, value]) => value), "at the first step") : shrinks(final.map(([, value]) => value), "at the end"),
    caption: "RMS of the gradient at each act over that at the last one, on a logarithmic scale. Read it from right to left, as the error travels." + (low ? " Below the dashed line less than a thousandth is left." : ""),
    table: () => ({
      columns: ["act", "first record", "last record"],
      rows: names.map((name, i) => [name, number(first[i]?.[1] ?? NaN), number(final[i]?.[1] ?? NaN)]),
    }),
    draw: (host, width) => {
      const values = [...first, ...final].map(([, value]) => value);
      const plot: Plot = {
        height: 340,
        summary: `Gradient by depth: at the last record ${names[0]} has ${number(final[0]?.[1] ?? NaN)} of what ${reference.block.name} has.`,
        x: {
          label: "depth: first act to last",
          domain: [-0.2, names.length - 0.8],
          ticks: few ? names.map((_, i) => i) : ticksOf(names.length, width),
          format: (i) => (few && width - 70 > 6.6 * (longest + 1) * names.length ? short[Math.round(i)] ?? "" : String(Math.round(i) + 1)),
        },
        y: { label: "gradient, of the last act’s", log: true, domain: around([...values, 1], true) },
        at: (i) => names[Math.round(i)] ?? "",
        marks: [
          ...(early ? [] : bad).map((i): Mark => ({ kind: "rule", axis: "x", at: i, tone: "error", label: `breaks at ${short[i] ?? ""}` })),
          ...(low ? [{ kind: "rule", axis: "y", at: THOUSANDTH, tone: "muted", label: "a thousandth" } as Mark] : []),
          { kind: "line", name: "first record", tone: "muted", points: first, dashed: true, label: true },
          { kind: "line", name: "last record", tone: "error", points: final, label: true },
          { kind: "dots", name: "last record", tone: "error", points: final, size: names.length > 40 ? 2 : 4 },
        ],
      };
      void draw(host, width, plot);
    },
  });
}

/** What the gradient does on its way back at one record, as a title. */
function shrinks(final: readonly number[], when: string): string {
  const known = final.filter(Number.isFinite);
  const some = (many: number): string => `${many === final.length ? "all" : many} of ${final.length} acts ${when}`;
  if (known.length < final.length) return `The gradient is NaN or infinite at ${some(final.length - known.length)}`;
  const none = known.filter((value) => value === 0).length;
  if (none) return `No gradient arrives at ${some(none)}`;
  const [less, more] = [1 / Math.min(...known), Math.max(...known)];
  if (less < 1.5 && more < 1.5) return "The gradient keeps its size on its way back";
  return less >= more ? `The gradient shrinks ${times(less)} on its way back` : `The gradient grows ${times(more)} on its way back`;
}

/** A factor as a reader can picture it: 16 million times. */
function times(factor: number): string {
  if (factor >= 1e15) return `${factor.toPrecision(1)} times`;
  const words: [number, string][] = [[1e12, " trillion"], [1e9, " billion"], [1e6, " million"], [1e3, " thousand"], [1, ""]];
  const [size, word] = words.find(([size]) => factor >= 0.9995 * size) ?? [1, ""];
  const many = factor / size;
  return `${many >= 10 ? many.toFixed(0) : many.toFixed(1).replace(".0", "")}${word} times`;
}

function ticksOf(many: number, width: number): number[] {
  const stride = Math.ceil(many / Math.min(10, width / 50));
  return Array.from({ length: Math.ceil(many / stride) }, (_, i) => i * stride);
}

function brief(name: string): string {
  return name.length > 12 ? `…${name.slice(-11)}` : name;
}

export { PERCENT, STEP, power };
