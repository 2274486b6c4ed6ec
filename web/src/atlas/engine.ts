// A figure as a function of its state: controls change the state, the state gives readings and a
// drawing, and the address of the page keeps what differs from the start.
import { choice, menu, slider } from "../lib/controls";
import { h, type Child } from "../lib/dom";
import { figure, type Table } from "../lib/figure";
import { number, power, share } from "../lib/numbers";
import { remember, state as address } from "../lib/permalink";
import { Stage } from "./stage";

export type Setting = number | string;
export type State = Record<string, Setting>;
export type Readings = Record<string, number>;
export interface Control {
  name: string;
  label: string;
  value: Setting;
  low?: number;
  high?: number;
  step?: number;
  unit?: string;
  options?: [string, string][];
}
export interface Say {
  text: string;
  when: [string, string, Setting] | null;
}
export interface FigureData<D = unknown> {
  kind: string;
  title: string;
  controls: Control[];
  labels: Record<string, string>;
  says: Say[];
  presets: { label: string; state: State }[];
  data: D;
}
/** A kind of figure: it reads numbers off a state, and draws it. */
export interface Kind {
  read: (state: State) => Readings;
  draw: (stage: Stage, state: State, readings: Readings, move: (change: State) => void) => void;
  /** The numbers behind the drawing, besides the readings. */
  table?: (state: State, readings: Readings) => Table;
  /** Its controls stand under the drawing, not beside it. */
  wide?: boolean;
  /** The drawing says all readings, so they are not listed again. */
  echo?: boolean;
}
export type Maker = (data: FigureData<never>) => Kind;

export const num = (state: State, name: string): number => Number(state[name]);

export function written(label: string, value: number): string {
  return label === "year" ? String(value) : /\bshare\b/.test(label) ? share(value) : number(value);
}

/** A sentence with its `{name}` and `{name%}` replaced. */
export function filled(text: string, values: State): string {
  return text.replace(/\{(\w+)([%^]?)\}/g, (whole, name: string, sign: string) => {
    const value = values[name];
    if (value === undefined) return whole;
    if (typeof value === "string") return value;
    if (name === "year") return String(value);
    return sign === "%" ? share(value).replace(" ", "\u00a0") : sign === "^" ? tenth(value) : number(value);
  });
}

/** 10 to the power of this; far out its order of magnitude alone. */
export function tenth(exponent: number): string {
  if (!Number.isFinite(exponent)) return exponent > 0 ? "∞" : "0";
  if (Math.abs(exponent) < 4) return number(10 ** exponent);
  return power(Math.floor(Math.abs(exponent) + 0.5) * Math.sign(exponent));
}

/** The state with the words of its choices in place of their values. */
function worded(state: State, controls: readonly Control[]): State {
  const words = controls.map((control): [string, Setting] => {
    const value = state[control.name]!;
    return [control.name, control.options?.find(([each]) => each === value)?.[1] ?? value];
  });
  return Object.fromEntries(words);
}

export function said(says: readonly Say[], given: State, words: State, readings: Readings): string {
  const holds = ({ when }: Say): boolean => {
    if (!when) return true;
    const [name, sign, bound] = when;
    const value = readings[name] ?? given[name] ?? NaN;
    if (sign === "==" || sign === "!=") return (value === bound) === (sign === "==");
    return sign === "<" ? value < bound : sign === "<=" ? value <= bound : sign === ">" ? value > bound : value >= bound;
  };
  const found = says.find(holds);
  return found ? filled(found.text, { ...words, ...readings }) : "";
}

function starts(controls: readonly Control[]): State {
  return Object.fromEntries(controls.map((control) => [control.name, control.value]));
}

/** The state that the address asks for, as far as the controls allow it. */
function asked(id: string, controls: readonly Control[]): State {
  const given = address();
  const found = starts(controls);
  for (const control of controls) {
    const text = given[`${id}.${control.name}`];
    if (text === undefined) continue;
    if (control.options) {
      if (control.options.some(([value]) => value === text)) found[control.name] = text;
    } else {
      const value = Number(text);
      if (text.trim() && value >= control.low! && value <= control.high!) found[control.name] = value;
    }
  }
  return found;
}

interface Shown {
  element: HTMLElement;
  set: (value: Setting) => void;
}

function shown(control: Control, value: Setting, change: (value: Setting) => void): Shown {
  if (!control.options) {
    const made = slider({
      label: control.label,
      min: control.low!,
      max: control.high!,
      step: control.step!,
      value: Number(value),
      format: (v) => `${number(v)}${control.unit ? (control.unit === "°" ? "°" : ` ${control.unit}`) : ""}`,
      onInput: change,
    });
    made.input.dataset["control"] = control.name;
    return { element: made.element, set: (v) => made.set(Number(v)) };
  }
  const values = control.options;
  const many = values.length > 6 || values.some(([, words]) => words.length > 26);
  const element = (many ? menu : choice)({ label: control.label, values, value: String(value), onChange: change });
  element.dataset["control"] = control.name;
  const set = (v: Setting): void => {
    const select = element.querySelector("select");
    if (select) select.value = String(v);
    for (const input of element.querySelectorAll("input")) input.checked = input.value === v;
  };
  return { element, set };
}

const KEEP = 150; // milliseconds of rest before the address is written
const FRAMES = 90; // of a training that is played

export function mount(element: HTMLElement, id: string, data: FigureData<never>, kind: Kind): void {
  let state = asked(id, data.controls);
  let readings = kind.read(state);
  let stage: Stage | null = null;
  const says = h("p", { class: "says", role: "status" });
  const outputs = new Map<string, HTMLElement>();
  const list = h("dl", { class: "readings" });
  for (const [name, label] of Object.entries(data.labels)) {
    const output = h("output", { "data-reading": name });
    outputs.set(name, output);
    list.append(h("div", {}, h("dt", {}, label), h("dd", {}, output)));
  }
  const controls = new Map<string, Shown>();
  const change = (part: State, from?: string): void => {
    state = { ...state, ...part };
    for (const [name, value] of Object.entries(part)) if (name !== from) controls.get(name)?.set(value);
    readings = kind.read(state);
    show();
    drawing.update();
    clearTimeout(late);
    late = window.setTimeout(keep, KEEP);
  };
  /** The address follows a moment later: browsers refuse more than some hundred changes of it. */
  let late = 0;
  const keep = (): void => {
    const start = starts(data.controls);
    const entries = Object.entries(state).map(([name, value]) => [
      `${id}.${name}`,
      value === start[name] ? "" : String(value),
    ]);
    remember(Object.fromEntries(entries));
  };
  const show = (): void => {
    says.textContent = said(data.says, state, worded(state, data.controls), readings);
    for (const [name, output] of outputs) {
      const value = readings[name] ?? NaN;
      output.textContent = written(data.labels[name] ?? "", value);
      output.dataset["value"] = String(value);
    }
  };
  for (const control of data.controls)
    controls.set(control.name, shown(control, state[control.name]!, (value) => change({ [control.name]: value }, control.name)));
  const drawing = figure({
    title: data.title,
    draw: (host, width) => {
      stage ??= new Stage(host);
      stage.width = width;
      kind.draw(stage, state, readings, change);
    },
    table: () => kind.table?.(state, readings) ?? {
      columns: ["", "value"],
      rows: Object.entries(data.labels).map(([name, label]) => [label, written(label, readings[name] ?? NaN)]),
    },
    class: "lesson-figure",
  });
  const presets = data.presets.map((preset) =>
    h("button", { type: "button", class: "preset", onclick: () => change({ ...starts(data.controls), ...preset.state }) }, preset.label),
  );
  const reset = h("button", { type: "button", class: "quiet", onclick: () => change(starts(data.controls)) }, "As at the start");
  const panel = h(
    "div",
    { class: kind.echo ? "moves echo" : "moves" },
    presets.length > 0 && h("div", { class: "presets", role: "group", "aria-label": "Try" }, h("span", { class: "presets-label" }, "Try"), presets),
    h("div", { class: "controls" }, [...controls.values()].map((each) => each.element), player(data.controls, () => state, change), reset),
    Object.keys(data.labels).length > 0 && list,
  );
  drawing.element.insertBefore(says, drawing.element.querySelector(".figure-host"));
  element.replaceChildren(h("div", { class: kind.wide ? "lesson-stage wide" : "lesson-stage" }, drawing.element, panel));
  show();
  addEventListener("hashchange", () => {
    clearTimeout(late);
    const wanted = asked(id, data.controls);
    if (JSON.stringify(wanted) !== JSON.stringify(state)) change(wanted);
  });
}

/** A button that lets the training run, where there is one. */
function player(controls: readonly Control[], state: () => State, change: (part: State) => void): Child {
  const steps = controls.find((control) => control.name === "steps");
  if (!steps) return null;
  let running = 0;
  const button = h("button", { type: "button", class: "play" }, "▶ Train from the start");
  const stop = (): void => {
    cancelAnimationFrame(running);
    running = 0;
    button.textContent = "▶ Train from the start";
  };
  button.addEventListener("click", () => {
    if (running) return stop();
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return change({ steps: steps.high! });
    button.textContent = "■ Stop";
    let frame = 0;
    let last = -1;
    const tick = (): void => {
      const at = Math.round(((frame++ / FRAMES) * steps.high!) / steps.step!) * steps.step!;
      if (last >= 0 && Number(state()["steps"]) !== last) return stop(); // the reader took over
      last = Math.min(at, steps.high!);
      change({ steps: last });
      if (last >= steps.high!) return stop();
      running = requestAnimationFrame(tick);
    };
    running = requestAnimationFrame(tick);
  });
  return button;
}

