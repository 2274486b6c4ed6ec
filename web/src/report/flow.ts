// Draws the network as data flows through it: one stop a block, coloured and marked by health.
import { h, s, vars, type Child } from "../lib/dom";
import { prefix } from "../lib/heat";
import { icon, tone, WORDS } from "../lib/icons";
import { count, number } from "../lib/numbers";
import { last } from "../lib/series";
import { of } from "./figures";
import type { Block, Curves, Run } from "./types";

export interface Flow {
  element: HTMLElement;
  select: (block: number) => void;
}

const NAMED = 24; // more places than this are too small for their whole names
const FLOOR = -8; // decades at which the lamp of a block is dark

export function flow(run: Run, curves: Curves, label: string, onSelect: (block: number) => void): Flow {
  const grads = run.blocks.map((block) => last(of(run, block.series["grad"])));
  const reference = [...grads].reverse().find((value) => value > 0) ?? NaN;
  const many = run.blocks.length;
  const size = many > 80 ? "tiny" : many > 24 ? "small" : many <= 12 ? "one-row" : "";
  const shared = prefix(run.blocks.map((block) => block.name));
  const buttons = run.blocks.map((block, at) => {
    const light = (grads[at] ?? NaN) / reference;
    return stop(block, curves, light, shared, () => onSelect(at));
  });
  const named = h("p", { class: "flow-named small", "aria-hidden": "true" }, many > NAMED ? "Point at a place to read its name." : "");
  const name = ({ target }: Event): void => {
    const label = (target as Element).closest(".stop")?.getAttribute("aria-label");
    if (label && many > NAMED) named.textContent = label;
  };
  const tally = new Map<string, number>();
  for (const block of run.blocks) tally.set(block.health, (tally.get(block.health) ?? 0) + 1);
  const element = h(
    "div",
    { class: "flow-box" },
    h("ol", { class: `flow ${size}`, "aria-label": label, onpointerover: name, onfocusin: name }, buttons.map((button) => h("li", {}, button))),
    named,
    h(
      "p",
      { class: "flow-legend muted small" },
      (["error", "warning", "note", "affected", "fine", "unseen"] as const).flatMap((health) => {
        const many = tally.get(health);
        return many ? [h("span", {}, icon(health), ` ${many.toLocaleString("en-US")} ${WORDS[health]}`)] : [];
      }),
      h("span", {}, h("i", { class: "lamp-key" }), " gradient that arrives there at the end (dark: 100 million times less)"),
    ),
  );
  const select = (chosen: number): void =>
    buttons.forEach((button, at) => button.setAttribute("aria-pressed", String(at === chosen)));
  return { element, select };
}

function stop(block: Block, curves: Curves, light: number, shared: number, pick: () => void): HTMLButtonElement {
  const lit = light > 0 ? Math.max(0.02, Math.min(1, 1 - Math.log10(Math.min(1, light)) / FLOOR)) : 0;
  const what = block.kind === "act" ? block.act : block.kind;
  const grad = Number.isFinite(light) ? `, gradient ${number(light)} of the last` : "";
  const label = `${block.name}, ${what}${block.layer && block.layer !== block.name ? ` after ${block.layer}` : ""}${block.units ? `, ${count(block.units, "unit")}` : ""}, ${WORDS[block.health]}${block.affected ? `: ${block.affected}` : ""}${grad}`;
  const button = h(
    "button",
    { type: "button", class: `stop ${block.kind} tone-${tone(block.health)} ${block.health}`, "aria-pressed": "false", "data-key": `stop ${block.name}`, "aria-label": label, title: label, onclick: pick },
    glyph(block, curves),
    h("span", { class: "stop-name" }, broken(tail(block.name.slice(shared), 26))),
    h("span", { class: "stop-act" }, block.kind === "act" ? block.act : block.kind),
    block.kind === "act" && block.layer && block.layer !== block.name ? h("span", { class: "stop-act" }, `after ${tail(block.layer.startsWith(block.name.slice(0, shared)) ? block.layer.slice(shared) : block.layer, 11)}`) : null,
    icon(block.health),
    Number.isFinite(light) ? vars(h("span", { class: "lamp" }), { "--lit": lit }) : null,
  );
  return button;
}

/** The last parts of a qualified name, as many as there is room for. */
function tail(name: string, most: number): string {
  const parts = name.split(".");
  let shown = parts.pop() ?? "";
  while (parts.length && shown.length + parts[parts.length - 1]!.length + 1 <= most) shown = `${parts.pop()}.${shown}`;
  return shown;
}

/** A name that may be broken after its dots. */
function broken(name: string): Child[] {
  return name.split(".").flatMap((part, i, all): Child[] => (i < all.length - 1 ? [`${part}.`, h("wbr")] : [part]));
}

/** The act's own curve, small; a layer is a square, an input a dot, the head a ring. */
export function glyph(block: Block, curves: Curves): SVGSVGElement {
  const svg = s("svg", { viewBox: "0 0 32 24", class: "glyph", "aria-hidden": "true" });
  const curve = curves.acts[block.act];
  if (block.kind === "act" && curve) {
    const [start, step] = curves.z;
    const shown = curve.value.map((v, i): [number, number] => [start + i * step, v]).filter(([z]) => Math.abs(z) <= 4);
    const values = shown.map(([, v]) => v);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const d = shown.map(([z, v], i) => `${i ? "L" : "M"}${(16 + z * 3.6).toFixed(1)} ${(21 - (18 * (v - low)) / (high - low || 1)).toFixed(1)}`);
    svg.append(s("path", { d: d.join(""), class: "glyph-line" }));
  } else if (block.kind === "act") svg.append(s("path", { d: "M3 18C12 18 20 6 29 6", class: "glyph-line" }));
  else if (block.kind === "input") svg.append(s("circle", { cx: 16, cy: 12, r: 5, class: "glyph-fill" }));
  else if (block.kind === "head") svg.append(s("circle", { cx: 16, cy: 12, r: 6, class: "glyph-line" }), s("circle", { cx: 16, cy: 12, r: 2, class: "glyph-fill" }));
  else svg.append(s("path", { d: "M9 6h14v12H9Z", class: "glyph-line" }));
  return svg;
}
