// Draws one plot with two axes from a plain description: lines, bands, dots, rules and zones.
//
// The plot is drawn whole whenever something changes; a reader walks it with the pointer or with
// the arrow keys and reads every value at that place.
import { axisBottom, axisLeft } from "d3-axis";
import { bisector } from "d3-array";
import { scaleLinear, scaleLog, type ScaleContinuousNumeric } from "d3-scale";
import { select, type Selection } from "d3-selection";
import { area, line } from "d3-shape";

import { h, s, uid, vars } from "./dom";
import { number, power } from "./numbers";

/** Colours by meaning (health) or by identity (a to f); each is a CSS token. */
export type Tone =
  | "ink" | "muted" | "accent" | "fine" | "note" | "warning" | "error"
  | "a" | "b" | "c" | "d" | "e" | "f";

export interface Scale {
  label: string;
  domain: [number, number];
  log?: boolean;
  format?: (value: number) => string;
  ticks?: number[];
}
export type Point = readonly [x: number, y: number];
export interface Line {
  kind: "line";
  name: string;
  points: readonly Point[];
  tone: Tone;
  dashed?: boolean;
  faint?: boolean;
  /** Written at the line's end; the name if true. */
  label?: string | boolean;
  /** Not told by the readout. */
  mute?: boolean;
}
export interface Band {
  kind: "band";
  name: string;
  points: readonly (readonly [x: number, low: number, high: number])[];
  tone: Tone;
}
export interface Dots {
  kind: "dots";
  name: string;
  points: readonly Point[];
  tone: Tone;
  size?: number;
  shape?: "circle" | "cross" | "diamond";
}
/** A line across the plot at one value of an axis. */
export interface Rule {
  kind: "rule";
  axis: "x" | "y";
  at: number;
  label?: string;
  tone: Tone;
}
/** A part of the plot between two values of an axis. */
export interface Zone {
  kind: "zone";
  axis: "x" | "y";
  from: number;
  to: number;
  label?: string;
  tone: Tone;
}
/** Bars of a histogram: from, to, height. */
export interface Bars {
  kind: "bars";
  name: string;
  bars: readonly (readonly [from: number, to: number, height: number])[];
  tone: Tone;
}
/** Anything else; `layer` is clipped to the plot. */
export interface Custom {
  kind: "custom";
  draw: (layer: Selection<SVGGElement, unknown, null, undefined>, place: Place) => void;
}
export type Mark = Line | Band | Dots | Rule | Zone | Bars | Custom;

export type Axis = ScaleContinuousNumeric<number, number>;
export interface Place {
  x: Axis;
  y: Axis;
  width: number;
  height: number;
  svg: SVGSVGElement;
}
export interface Plot {
  x: Scale;
  y: Scale;
  marks: readonly Mark[];
  height?: number;
  /** What the figure shows, in a sentence, for those who do not see it. */
  summary: string;
  /** Words for a place on the x axis, in the readout. */
  at?: (x: number) => string;
  /** The last place that was looked at: what lies beyond it is hatched. */
  seen?: number;
  /** No readout: the figure has controls of its own. */
  still?: boolean;
  /** Pixels at the left, for words in place of numbers. */
  left?: number;
}

export function axis(scale: Scale, range: [number, number]): Axis {
  const made: Axis = scale.log ? scaleLog() : scaleLinear();
  return made.domain(scale.domain).range(range).clamp(false);
}

/** Tick values of a scale: decades of a logarithmic one, as many as there is room for. */
export function ticks(scale: Scale, drawn: Axis, room: number): number[] {
  if (scale.ticks) return scale.ticks.filter((at) => inside(at, scale.domain));
  const many = Math.max(2, Math.floor(room));
  if (!scale.log) {
    const few = drawn.ticks(many);
    return few.length > 1 ? few : drawn.ticks(2 * many + 1); // one number is no scale
  }
  const [low, high] = scale.domain.map((end) => Math.log10(end)) as [number, number];
  const first = Math.ceil(low - 1e-9);
  const last = Math.floor(high + 1e-9);
  if (last - first < 2) return fine(low, high, many);
  const stride = Math.max(1, Math.ceil((last - first + 1) / many));
  const found: number[] = [];
  for (let at = Math.ceil(first / stride) * stride; at <= last; at += stride) found.push(10 ** at);
  return found;
}

/** 1, 2 and 5 of every decade, for a scale of few of them. */
function fine(low: number, high: number, many: number): number[] {
  const found: number[] = [];
  for (let decade = Math.floor(low); decade <= high; decade++)
    for (const digit of [1, 2, 5]) {
      const value = digit * 10 ** decade;
      if (Math.log10(value) >= low - 1e-9 && Math.log10(value) <= high + 1e-9) found.push(value);
    }
  const stride = Math.max(1, Math.ceil(found.length / Math.max(3, many)));
  return found.filter((_, i) => i % stride === 0);
}

function inside(value: number, [a, b]: [number, number]): boolean {
  return value >= Math.min(a, b) && value <= Math.max(a, b);
}

export function written(scale: Scale): (value: number) => string {
  if (scale.format) return scale.format;
  if (!scale.log) return number;
  return (value) => {
    const exponent = Math.log10(value);
    const whole = Math.abs(exponent - Math.round(exponent)) < 1e-9;
    return whole && Math.abs(exponent) > 2.5 ? power(Math.round(exponent)) : number(value);
  };
}

/** Draws the plot into `host`, in place of what was there; `width` in pixels. */
export function draw(host: HTMLElement, width: number, plot: Plot): Place {
  const height = plot.height ?? 240;
  const labelled = plot.marks.filter((mark): mark is Line => mark.kind === "line" && !!mark.label);
  const longest = Math.max(0, ...labelled.map((mark) => endLabel(mark).length));
  const margin = {
    top: 26,
    right: labelled.length ? Math.min(14 + 6.6 * longest, width * 0.34) : 14,
    bottom: 42,
    left: Math.min(plot.left ?? 52, width * 0.4),
  };
  const w = Math.max(40, width - margin.left - margin.right);
  const tall = Math.max(40, height - margin.top - margin.bottom);
  const x = axis(plot.x, [0, w]);
  const y = axis(plot.y, [tall, 0]);
  const svg = s("svg", {
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    class: "plot",
    role: "img",
    "aria-label": plot.summary,
  });
  const root = select(svg).append("g").attr("transform", `translate(${margin.left},${margin.top})`);
  const place: Place = { x, y, width: w, height: tall, svg };
  frame(root, plot, place);
  const clip = uid("clip");
  root
    .append("clipPath")
    .attr("id", clip)
    .append("rect")
    .attr("x", -1)
    .attr("y", -6)
    .attr("width", w + 2)
    .attr("height", tall + 8);
  const layer = root.append("g").attr("clip-path", `url(#${clip})`);
  hatch(layer, plot, place);
  for (const mark of plot.marks) paint(layer, mark, place);
  notes(root, plot, place);
  if (plot.marks.some((mark) => mark.kind === "line" && mark.points.some(([, b]) => !Number.isFinite(b))))
    root.append("text").attr("class", "mark-note tone-muted").attr("x", w).attr("y", -12).attr("text-anchor", "end").text("× NaN or infinite");
  const taken = ends(root, labelled, place);
  unseenWords(root, plot, place, taken);
  host.replaceChildren(svg);
  host.classList.add("plot-host");
  if (!plot.still) readout(host, svg, plot, place, margin);
  return place;
}

type Group = Selection<SVGGElement, unknown, null, undefined>;

function frame(root: Group, plot: Plot, { x, y, width, height }: Place): void {
  const wide = written(plot.x);
  const high = written(plot.y);
  const bottom = axisBottom(x)
    .tickValues(ticks(plot.x, x, width / 80))
    .tickFormat((value) => wide(Number(value)))
    .tickSize(4)
    .tickPadding(6);
  const left = axisLeft(y)
    .tickValues(ticks(plot.y, y, height / 34))
    .tickFormat((value) => high(Number(value)))
    .tickSize(-width)
    .tickPadding(8);
  root.append("g").attr("class", "axis axis-y").attr("aria-hidden", "true").call(left);
  root
    .append("g")
    .attr("class", "axis axis-x")
    .attr("aria-hidden", "true")
    .attr("transform", `translate(0,${height})`)
    .call(bottom);
  root.selectAll(".domain").remove();
  const label = (text: string, at: [number, number], anchor: string): void => {
    root
      .append("text")
      .attr("class", "axis-label")
      .attr("aria-hidden", "true")
      .attr("x", at[0])
      .attr("y", at[1])
      .attr("text-anchor", anchor)
      .text(text);
  };
  label(plot.y.label, [-(plot.left ?? 52) + 8, -12], "start");
  label(plot.x.label, [width, height + 36], "end");
}

/** Slanted lines over the end of the run, where nobody looked. */
function hatch(layer: Group, { x: { domain }, seen }: Plot, { x, width, height }: Place): void {
  if (seen === undefined || seen > domain[1] - 0.01 * (domain[1] - domain[0])) return;
  const id = uid("hatch");
  const pattern = layer.append("pattern").attr("id", id).attr("patternUnits", "userSpaceOnUse").attr("width", 6).attr("height", 6);
  pattern.append("path").attr("class", "hatch").attr("d", "M-1,7L7,-1");
  const from = Math.max(0, x(seen));
  layer.append("rect").attr("class", "unseen").attr("x", from).attr("width", width - from).attr("height", height).attr("fill", `url(#${id})`);
}

/** Says what the hatch means, where no other words stand. */
function unseenWords(root: Group, { marks, x: { domain }, seen }: Plot, { x, y, width, height }: Place, taken: readonly number[]): void {
  const from = Math.max(0, x(seen ?? domain[1]));
  if (width - from < 90) return;
  const words = marks.flatMap((mark) => (mark.kind === "rule" && mark.axis === "y" ? [y(mark.at)] : mark.kind === "zone" && mark.axis === "y" ? [y((mark.from + mark.to) / 2)] : []));
  const free = [height - 8, height / 2, 34].find((at) => [...taken, ...words].every((other) => Math.abs(at - other) > 15)) ?? height - 8;
  root.append("text").attr("class", "mark-note tone-muted").attr("x", (from + width) / 2).attr("y", free).attr("text-anchor", "middle").text("not looked at");
}

function paint(layer: Group, mark: Mark, place: Place): void {
  const { x, y, width, height } = place;
  if (mark.kind === "line") {
    const path = line<Point>()
      .defined(([a, b]) => shown(x, a) && shown(y, b))
      .x(([a]) => x(a))
      .y(([, b]) => y(b));
    layer
      .append("path")
      .attr("class", `line tone-${mark.tone}${mark.faint ? " faint" : ""}${mark.dashed ? " dashed" : ""}`)
      .attr("d", path(mark.points as Point[]));
    const single = mark.points.length === 1 ? mark.points : [];
    let before = -Infinity; // crosses that would touch are one
    const lost = mark.points.filter(([a, b]) => !Number.isFinite(b) && x(a) - before >= 10 && ((before = x(a)), true));
    dots(layer, { kind: "dots", name: mark.name, points: single, tone: mark.tone }, place);
    // what is not finite stands as a cross at the upper edge
    const top: Point[] = lost.map(([a]) => [a, plotTop(y)]);
    dots(layer, { kind: "dots", name: mark.name, points: top, tone: mark.tone, shape: "cross" }, place);
  } else if (mark.kind === "band") {
    const path = area<readonly [number, number, number]>()
      .defined(([a, b, c]) => shown(x, a) && shown(y, b) && shown(y, c))
      .x(([a]) => x(a))
      .y0(([, b]) => y(b))
      .y1(([, , c]) => y(c));
    layer.append("path").attr("class", `band tone-${mark.tone}`).attr("d", path(mark.points as never));
  } else if (mark.kind === "dots") dots(layer, mark, place);
  else if (mark.kind === "bars") {
    for (const [from, to, value] of mark.bars)
      layer
        .append("rect")
        .attr("class", `bar tone-${mark.tone}`)
        .attr("x", x(from) + 0.5)
        .attr("width", Math.max(0.5, x(to) - x(from) - 1))
        .attr("y", y(value))
        .attr("height", Math.max(0, y(y.domain()[0] ?? 0) - y(value)));
  } else if (mark.kind === "rule") {
    const at = mark.axis === "x" ? x(mark.at) : y(mark.at);
    const flat = mark.axis === "y";
    layer
      .append("line")
      .attr("class", `rule tone-${mark.tone}`)
      .attr("x1", flat ? 0 : at)
      .attr("x2", flat ? width : at)
      .attr("y1", flat ? at : -6)
      .attr("y2", flat ? at : height);
  } else if (mark.kind === "zone") {
    const drawn = mark.axis === "x" ? x : y;
    const pixels = [drawn(mark.from), drawn(mark.to)].sort((a, b) => a - b) as [number, number];
    const flat = mark.axis === "y";
    const most = flat ? height : width;
    const from = Math.max(0, Math.min(most, pixels[0]));
    const to = Math.max(0, Math.min(most, pixels[1]));
    layer
      .append("rect")
      .attr("class", `zone tone-${mark.tone}`)
      .attr("x", flat ? 0 : from)
      .attr("y", flat ? from : 0)
      .attr("width", flat ? width : to - from)
      .attr("height", flat ? to - from : height);
  } else {
    mark.draw(layer.append("g"), place);
  }
}

function shown(scale: Axis, value: number): boolean {
  return Number.isFinite(value) && Number.isFinite(scale(value));
}

function plotTop(y: Axis): number {
  return y.domain()[1] ?? 1;
}

function dots(layer: Group, mark: Dots, { x, y }: Place): void {
  const size = mark.size ?? 3.5;
  for (const [a, b] of mark.points) {
    if (!shown(x, a) || !shown(y, b)) continue;
    const shape = mark.shape ?? "circle";
    const path = shape === "cross"
      ? `M${-size},${-size}L${size},${size}M${-size},${size}L${size},${-size}`
      : shape === "diamond"
        ? `M0,${-size * 1.3}L${size * 1.3},0L0,${size * 1.3}L${-size * 1.3},0Z`
        : `M${-size},0a${size},${size} 0 1,0 ${2 * size},0a${size},${size} 0 1,0 ${-2 * size},0`;
    layer
      .append("path")
      .attr("class", `dot ${shape} tone-${mark.tone}`)
      .attr("transform", `translate(${x(a)},${y(b)})`)
      .attr("d", path);
  }
}

/** The words beside rules and in zones. */
function notes(root: Group, plot: Plot, { x, y, width, height }: Place): void {
  const taken: [row: number, from: number, to: number][] = [];
  for (const mark of plot.marks) {
    if ((mark.kind !== "rule" && mark.kind !== "zone") || !mark.label) continue;
    const text = root.append("text").attr("class", `mark-note tone-${mark.tone}`).attr("aria-hidden", "true");
    text.text(mark.label);
    const at = mark.kind === "rule" ? mark.at : (mark.from + mark.to) / 2;
    if (mark.axis === "y") {
      const edge = mark.kind === "rule" ? besides(plot, { x, y, width }, y(mark.at), mark.label) : y(at) + 4;
      text.attr("x", width - 4).attr("y", Math.max(9, Math.min(height - 4, edge))).attr("text-anchor", "end");
    } else {
      const middle = x(at);
      const anchor = mark.kind === "zone" ? "middle" : middle > width / 2 ? "end" : "start";
      const nudge = mark.kind === "zone" ? 0 : middle > width / 2 ? -5 : 5;
      const long = 6.4 * mark.label.length;
      const from = middle + nudge - (anchor === "end" ? long : anchor === "middle" ? long / 2 : 0);
      let row = 0; // words that would lie on others go a line lower
      while (taken.some(([r, a, b]) => r === row && from < b && from + long > a)) row += 1;
      taken.push([row, from - 4, from + long + 4]);
      text.attr("x", middle + nudge).attr("y", 8 + 14 * row).attr("text-anchor", anchor);
    }
  }
}

/** Where words on a rule do not lie on a line: above it, below it, or further off. */
function besides(plot: Plot, { x, y, width }: Pick<Place, "x" | "y" | "width">, rule: number, label: string): number {
  const from = width - 4 - 6.4 * label.length;
  const near = plot.marks.flatMap((mark) => (mark.kind === "line" ? mark.points.filter(([a, b]) => shown(x, a) && shown(y, b) && x(a) >= from - 8).map(([, b]) => y(b)) : []));
  const free = (at: number): boolean => near.every((line) => line < at - 13 || line > at + 4);
  return [-5, 14, -18, 27, -31].map((off) => rule + off).find(free) ?? rule - 5;
}

function endLabel(mark: Line): string {
  const text = mark.label === true ? mark.name : String(mark.label ?? "");
  return text.length > 24 ? `${text.slice(0, 12)}…${text.slice(-10)}` : text;
}

/** Names at the ends of their lines, pushed apart where they would overlap. */
function ends(root: Group, lines: readonly Line[], { x, y, width, height }: Place): number[] {
  const placed = lines.flatMap((mark) => {
    const last = [...mark.points].reverse().find(([a, b]) => shown(x, a) && shown(y, b));
    return last ? [{ mark, at: Math.max(0, Math.min(height, y(last[1]))), x: x(last[0]) }] : [];
  });
  placed.sort((one, two) => one.at - two.at);
  const gap = 14;
  placed.forEach((each, i) => {
    const before = placed[i - 1];
    if (before && each.at - before.at < gap) each.at = before.at + gap;
  });
  const over = (placed[placed.length - 1]?.at ?? 0) - height;
  if (over > 0) placed.forEach((each) => (each.at -= over));
  for (const each of placed)
    root
      .append("text")
      .attr("class", `end-label tone-${each.mark.tone}`)
      .attr("aria-hidden", "true")
      .attr("x", Math.min(width, each.x) + 8)
      .attr("y", each.at + 4)
      .text(endLabel(each.mark));
  return placed.map((each) => each.at + 4);
}

const onX = bisector((point: readonly number[]) => point[0] ?? 0).center;

/** The value of every line at the place that the pointer or the arrow keys chose. */
function readout(
  host: HTMLElement,
  svg: SVGSVGElement,
  plot: Plot,
  place: Place,
  margin: { left: number; top: number },
): void {
  const told = plot.marks.filter(
    (mark): mark is Line | Band => (mark.kind === "line" && !mark.mute) || mark.kind === "band",
  );
  const stops = [...new Set(told.flatMap((mark) => mark.points.map(([a]) => a)))].sort((a, b) => a - b);
  if (stops.length < 2) return;
  const words = written(plot.x);
  const say = plot.at ?? ((x: number) => `${plot.x.label} ${words(x)}`);
  const value = plot.y.format ?? number;
  const guide = s("line", { class: "guide", y1: 0, y2: place.height, visibility: "hidden" });
  svg.firstElementChild?.append(guide);
  const tip = h("div", { class: "tip", "aria-hidden": "true" });
  tip.hidden = true;
  const walker = h("div", {
    class: "walker",
    tabindex: 0,
    role: "slider",
    "aria-label": `Values along ${plot.x.label}`,
    "aria-valuemin": 0,
    "aria-valuemax": stops.length - 1,
    "aria-valuenow": 0,
    "aria-valuetext": "",
  });
  vars(walker, { "--left": `${margin.left}px`, "--top": `${margin.top}px`, "--w": `${place.width}px`, "--h": `${place.height}px` });
  const rows = (x: number): { mark: Line | Band; text: string }[] =>
    told.flatMap((mark) => {
      const point = mark.points[onX(mark.points as never, x)];
      if (!point || Math.abs(place.x(point[0]) - place.x(x)) > 12) return [];
      const text = mark.kind === "band" ? `${value(point[1])} to ${value((point as readonly number[])[2] ?? NaN)}` : value(point[1]);
      return [{ mark, text }];
    });
  let at = stops.length - 1;
  const show = (index: number): void => {
    at = Math.max(0, Math.min(stops.length - 1, index));
    const x = stops[at] ?? 0;
    const found = rows(x).slice(0, 12);
    guide.setAttribute("x1", String(place.x(x)));
    guide.setAttribute("x2", String(place.x(x)));
    guide.setAttribute("visibility", "visible");
    tip.replaceChildren(
      h("div", { class: "tip-head" }, say(x)),
      ...found.map(({ mark, text }) =>
        h("div", { class: "tip-row" }, h("span", { class: `swatch tone-${mark.tone}` }), h("span", {}, mark.name), h("b", {}, text)),
      ),
    );
    tip.hidden = false;
    const right = place.x(x) > place.width / 2;
    vars(tip, { "--x": `${margin.left + place.x(x)}px`, "--y": `${margin.top}px` });
    tip.classList.toggle("to-left", right);
    walker.setAttribute("aria-valuenow", String(at));
    walker.setAttribute("aria-valuetext", `${say(x)}: ${found.map(({ mark, text }) => `${mark.name} ${text}`).join("; ")}`);
  };
  const hide = (): void => {
    tip.hidden = true;
    guide.setAttribute("visibility", "hidden");
  };
  const nearest = bisector((stop: number) => stop).center;
  walker.addEventListener("pointermove", (event) => {
    const x = place.x.invert(event.clientX - walker.getBoundingClientRect().left);
    show(nearest(stops, x));
  });
  walker.addEventListener("pointerleave", hide);
  walker.addEventListener("blur", hide);
  walker.addEventListener("focus", () => walker.matches(":focus-visible") && show(at));
  const stride = Math.max(1, Math.round(stops.length / 10));
  walker.addEventListener("keydown", (event) => {
    const moves: Record<string, number> = {
      ArrowRight: at + 1, ArrowUp: at + 1, ArrowLeft: at - 1, ArrowDown: at - 1,
      PageUp: at + stride, PageDown: at - stride, Home: 0, End: stops.length - 1,
    };
    const next = moves[event.key];
    if (event.key === "Escape") hide();
    if (next === undefined) return;
    event.preventDefault();
    show(next);
  });
  host.append(walker, tip);
}

/** A domain around values, a little wider; of a logarithmic scale at least a decade. */
export function around(values: Iterable<number>, log = false, floor?: number): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value) || (log && value <= 0)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return log ? [0.1, 10] : [0, 1];
  if (log) {
    const short = Math.max(0, 1 - Math.log10(high / low)) / 2; // at least a decade
    const room = 10 ** Math.max(0.06 * Math.log10(high / low), short);
    return [low / room, high * room];
  }
  if (floor !== undefined) low = Math.min(low, floor);
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  return [floor !== undefined && low === floor ? low : low - room, high + room];
}
