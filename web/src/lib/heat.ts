// Draws a heat map, rows by columns of numbers as colours, on a canvas, so that a hundred thousand
// cells are drawn at once; the reader walks it with the pointer or the arrow keys.
import { h, vars } from "./dom";
import { token } from "./theme";

export interface Heat {
  rows: readonly string[];
  /** The steps that were looked at, ascending; each stands at its place on a linear axis. */
  columns: readonly number[];
  /** The run's last step: what lies beyond the last look is hatched. */
  reach?: number;
  /** NaN and infinities are drawn in the colour of what is lost; undefined is not measured. */
  value: (row: number, column: number) => number | undefined;
  /** Value to place on the colour scale, 0 to 1. */
  place: (value: number) => number;
  /** Colour tokens from 0 to 1. */
  stops: readonly string[];
  summary: string;
  column: (value: number) => string;
  format: (value: number) => string;
  /** Rows drawn with a mark at their left. */
  marked?: ReadonlySet<number>;
  height?: number;
  onPick?: (row: number) => void;
}

type Rgb = [number, number, number];

function rgb(color: string): Rgb {
  const hex = color.replace("#", "");
  return [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16)) as Rgb;
}

/** A colour between stops, mixed in linear light so that steps look even. */
export function ramp(stops: readonly string[], at: number): Rgb {
  const place = Math.max(0, Math.min(1, at)) * (stops.length - 1);
  const below = Math.min(Math.floor(place), stops.length - 2);
  const one = rgb(stops[below] ?? "#000000");
  const two = rgb(stops[below + 1] ?? "#000000");
  return one.map((value, i) => {
    const mixed = (value / 255) ** 2.2 * (1 - place + below) + ((two[i] ?? 0) / 255) ** 2.2 * (place - below);
    return Math.round(255 * mixed ** (1 / 2.2));
  }) as Rgb;
}

const LEFT = 148; // pixels for the names of rows
const LINE = 14; // pixels of a name's line
const BOTTOM = 34;

export function drawHeat(host: HTMLElement, width: number, heat: Heat): void {
  const left = Math.min(LEFT, Math.floor(width * 0.34));
  const across = Math.max(40, width - left - 8);
  const tall = heat.height ?? Math.max(90, Math.min(420, heat.rows.length * 20));
  const canvas = h("canvas", { class: "heat", role: "img", "aria-label": heat.summary });
  const scale = Math.min(2, globalThis.devicePixelRatio || 1);
  canvas.width = across * scale;
  canvas.height = tall * scale;
  paint(canvas, heat);
  const names = h("div", { class: "heat-names", "aria-hidden": "true" });
  const every = Math.ceil(heat.rows.length / (tall / LINE));
  const shared = prefix(heat.rows);
  const near = (LINE * heat.rows.length) / tall; // rows whose names would lie on each other
  heat.rows.forEach((name, row) => {
    const marked = heat.marked?.has(row) ?? false;
    if (!marked && (row % every !== 0 || [...(heat.marked ?? [])].some((other) => Math.abs(other - row) < near))) return;
    const label = h("span", { class: marked ? "marked" : "", title: name }, without(shared, name));
    names.append(vars(label, { "--y": `${((row + 0.5) / heat.rows.length) * 100}%` }));
  });
  const steps = h("div", { class: "heat-steps", "aria-hidden": "true" });
  const shown = across < 260 ? 3 : 5;
  const { from, to } = edges(heat);
  for (let i = 0; i < shown && heat.columns.length > 1; i++) {
    const part = i / (shown - 1);
    steps.append(vars(h("span", {}, heat.column(Math.round(from + part * (to - from)))), { "--x": `${100 * part}%` }));
  }
  const box = h("div", { class: "heat-box" }, canvas, names, steps);
  vars(box, { "--left": `${left}px`, "--w": `${across}px`, "--h": `${tall}px`, "--bottom": `${BOTTOM}px` });
  host.replaceChildren(box);
  walk(box, canvas, heat, left, across, tall);
}

/** Where each column begins and ends on the axis, as shares of it: halfway to its neighbours. */
function edges({ columns, reach }: Heat): { from: number; to: number; at: number[] } {
  const many = columns.length;
  const gap = many > 1 ? (columns[many - 1]! - columns[0]!) / (many - 1) : 1;
  const from = columns[0] ?? 0;
  const half = (columns[many - 1] ?? 0) + gap / 2;
  const end = reach === undefined ? half : Math.min(half, Math.max(reach, (columns[many - 1] ?? 0)));
  const to = Math.max(end, reach ?? 0);
  const bounds = [from, ...columns.slice(1).map((step, i) => (step + columns[i]!) / 2), end];
  return { from, to, at: bounds.map((step) => (step - from) / (to - from || 1)) };
}

/** Whether a stretch at the end, wider than a hair, was not looked at. */
export function unseen(heat: Pick<Heat, "columns" | "reach">): boolean {
  return edges(heat as Heat).at[heat.columns.length]! < 0.99;
}

const MOST = 0.8; // of the names; a stem and a head stand beside a hundred blocks

/** The longest beginning, up to a dot, that most of the names share. */
export function prefix(names: readonly string[]): string {
  let shared = "";
  for (;;) {
    const counts = new Map<string, number>();
    for (const name of names) {
      const dot = name.startsWith(shared) ? name.indexOf(".", shared.length) : -1;
      if (dot >= 0) counts.set(name.slice(0, dot + 1), (counts.get(name.slice(0, dot + 1)) ?? 0) + 1);
    }
    const longer = [...counts].find(([, many]) => many > 1 && many >= MOST * names.length);
    if (!longer) return shared;
    shared = longer[0];
  }
}

/** A name without the beginning that it shares with others. */
export function without(shared: string, name: string): string {
  return name.startsWith(shared) ? name.slice(shared.length) : name;
}

function paint(canvas: HTMLCanvasElement, heat: Heat): void {
  const context = canvas.getContext("2d");
  if (!context || !heat.rows.length || !heat.columns.length) return;
  const colors = heat.stops.map((name) => token(name));
  const steps = Array.from({ length: 256 }, (_, i) => ramp(colors, i / 255));
  const lost = rgb(token("--heat-lost"));
  const image = context.createImageData(heat.columns.length, heat.rows.length);
  for (let row = 0; row < heat.rows.length; row++)
    for (let column = 0; column < heat.columns.length; column++) {
      const value = heat.value(row, column);
      if (value === undefined) continue;
      const place = heat.place(value);
      const color = Number.isFinite(place) ? steps[Math.round(255 * Math.max(0, Math.min(1, place)))] : lost;
      image.data.set([...(color ?? lost), 255], 4 * (row * heat.columns.length + column));
    }
  const small = h("canvas");
  small.width = heat.columns.length;
  small.height = heat.rows.length;
  small.getContext("2d")?.putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  const { at } = edges(heat);
  heat.columns.forEach((_, column) => {
    const [left, right] = [Math.floor(at[column]! * canvas.width), Math.ceil(at[column + 1]! * canvas.width)];
    context.drawImage(small, column, 0, 1, heat.rows.length, left, 0, Math.max(1, right - left), canvas.height);
  });
  hatch(context, at[heat.columns.length]! * canvas.width, canvas);
  const cell = canvas.height / heat.rows.length;
  if (cell < 10) return;
  context.fillStyle = token("--surface"); // a hairline between rows that are tall enough for one
  for (let row = 1; row < heat.rows.length; row++)
    context.fillRect(0, Math.round(row * cell) - 1, canvas.width, 2);
}

/** Slanted lines over what nobody looked at. */
function hatch(context: CanvasRenderingContext2D, left: number, { width, height }: HTMLCanvasElement): void {
  if (width - left < 3) return;
  context.save();
  context.beginPath();
  context.rect(left, 0, width - left, height);
  context.clip();
  context.strokeStyle = token("--ink-3");
  for (let x = left - height; x < width; x += 9) {
    context.moveTo(x, height);
    context.lineTo(x + height, 0);
  }
  context.stroke();
  context.restore();
}

function walk(box: HTMLElement, canvas: HTMLElement, heat: Heat, left: number, across: number, tall: number): void {
  const tip = h("div", { class: "tip", "aria-hidden": "true" });
  tip.hidden = true;
  const cursor = h("div", { class: "heat-cursor" });
  cursor.hidden = true;
  const said = h("div", { class: "sr-only", role: "status" });
  const walker = h("div", { class: "walker", tabindex: 0, role: "group", "aria-label": `${heat.summary} Arrow keys read single cells.` });
  vars(walker, { "--left": `${left}px`, "--top": "0px", "--w": `${across}px`, "--h": `${tall}px` });
  let row = 0;
  let column = heat.columns.length - 1;
  const { at } = edges(heat);
  const show = (aloud: boolean): void => {
    const value = heat.value(row, column);
    const text = value === undefined ? "not measured" : heat.format(value);
    const when = heat.column(heat.columns[column] ?? 0);
    tip.replaceChildren(
      h("div", { class: "tip-head" }, `${heat.rows[row] ?? ""}`),
      h("div", { class: "tip-row" }, h("span", {}, when), h("b", {}, text)),
    );
    const [begin, end] = [at[column]! * across, at[column + 1]! * across];
    const x = (begin + end) / 2;
    const y = ((row + 0.5) / heat.rows.length) * tall;
    vars(tip, { "--x": `${left + x}px`, "--y": `${Math.min(y + 8, tall - 20)}px` });
    tip.classList.toggle("to-left", x > across / 2);
    vars(cursor, { "--x": `${left + begin}px`, "--y": `${(row / heat.rows.length) * tall}px`, "--w": `${Math.max(1, end - begin)}px`, "--h": `${tall / heat.rows.length}px` });
    tip.hidden = false;
    cursor.hidden = false;
    if (aloud) said.textContent = `${heat.rows[row]}, ${when}: ${text}`;
  };
  const hide = (): void => {
    tip.hidden = true;
    cursor.hidden = true;
  };
  walker.addEventListener("pointermove", (event) => {
    const area = canvas.getBoundingClientRect();
    const place = (event.clientX - area.left) / area.width;
    column = clamp(at.findIndex((edge) => edge > place) - 1, heat.columns.length);
    if (place >= at[heat.columns.length]!) column = heat.columns.length - 1;
    row = clamp(Math.floor(((event.clientY - area.top) / area.height) * heat.rows.length), heat.rows.length);
    show(false);
  });
  walker.addEventListener("pointerleave", hide);
  walker.addEventListener("blur", hide);
  walker.addEventListener("click", () => heat.onPick?.(row));
  walker.addEventListener("keydown", (event) => {
    const moves: Record<string, [number, number]> = {
      ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowUp: [-1, 0], ArrowDown: [1, 0],
      Home: [0, -column], End: [0, heat.columns.length], PageUp: [-10, 0], PageDown: [10, 0],
    };
    if (event.key === "Escape") hide();
    if (event.key === "Enter") heat.onPick?.(row);
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    row = clamp(row + move[0], heat.rows.length);
    column = clamp(column + move[1], heat.columns.length);
    show(true);
  });
  box.append(walker, cursor, tip, said);
}

function clamp(at: number, many: number): number {
  return Math.max(0, Math.min(many - 1, at));
}
