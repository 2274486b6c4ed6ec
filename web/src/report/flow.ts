// Draws the network as data flows through it: one stop a block, coloured and marked by health.
import { h, s, vars, type Child } from "../lib/dom";
import { prefix, without } from "../lib/heat";
import { icon, tone, WORDS } from "../lib/icons";
import { count, number } from "../lib/numbers";
import { last } from "../lib/series";
import { of } from "./figures";
import { stops, type Stop } from "./repeats";
import type { Block, Curves, Run } from "./types";

export interface Flow {
  element: HTMLElement;
  select: (block: number) => void;
}

const NAMED = 24; // more places than this are too small for their whole names
const WIDE = 8; // more places than this stand closer, and show less of their names
const FLOOR = -8; // decades at which the lamp of a block is dark

export function flow(run: Run, curves: Curves, label: string, onSelect: (block: number) => void): Flow {
  const grads = run.blocks.map((block) => last(of(run, block.series["grad"])));
  const lastAct = run.blocks.map(({ kind }, at) => kind === "act" && grads[at]! > 0).lastIndexOf(true);
  const reference = grads[lastAct] ?? [...grads].reverse().find((value) => value > 0) ?? NaN;
  const lights = grads.map((value, at) => (run.blocks[at]!.series["grad"] ? value / (Number.isFinite(value) ? reference : 1) : undefined));
  const each = run.blocks.map((block, at): Stop => ({ at: [at], name: block.name }));
  const folded = run.blocks.length > NAMED ? stops(run.blocks) : each;
  let shown = folded;
  let chosen = -1;
  const shared = prefix(run.blocks.map((block) => block.name));
  const named = h("p", { class: "flow-named small", "aria-hidden": "true" });
  const name = ({ target }: Event): void => {
    const label = (target as Element).closest(".stop")?.getAttribute("aria-label");
    if (label && shown.length > NAMED) named.textContent = label;
  };
  const list = h("ol", { "aria-label": label, onpointerover: name, onfocusin: name });
  const select = (block: number): void => {
    chosen = block;
    [...list.querySelectorAll(".stop")].forEach((button, i) => button.setAttribute("aria-pressed", String(shown[i]?.at.includes(chosen))));
  };
  const fold = h("button", { type: "button", class: "quiet", onclick: () => put(shown === folded ? each : folded) });
  const put = (now: Stop[]): void => {
    shown = now;
    const many = now.length;
    list.className = `flow ${many > 80 ? "tiny" : many > 24 ? "small" : many <= 12 ? "one-row" : ""}`;
    list.replaceChildren(...now.map((one) => h("li", {}, stop(one, run, curves, lights, shared, () => onSelect(one.at[0] ?? 0)))));
    named.textContent = many > NAMED ? "Point at a place to read its name." : "";
    fold.textContent = many === each.length ? "Fold what repeats" : `Show all ${each.length.toLocaleString("en-US")} places`;
    select(chosen);
  };
  put(folded);
  const tally = new Map<string, number>();
  for (const block of run.blocks) tally.set(block.health, (tally.get(block.health) ?? 0) + 1);
  const element = h(
    "div",
    { class: "flow-box" },
    list,
    folded.length < each.length ? fold : null,
    named,
    h(
      "p",
      { class: "flow-legend muted small" },
      (["error", "warning", "note", "affected", "fine", "unseen"] as const).flatMap((health) => {
        const many = tally.get(health);
        return many ? [h("span", {}, icon(health), ` ${many.toLocaleString("en-US")} ${WORDS[health]}`)] : [];
      }),
      h("span", {}, h("i", { class: "lamp-key" }), " gradient that arrives there at the end (dark: 100 million times less)"),
      lights.some((light) => light !== undefined && !Number.isFinite(light)) ? h("span", {}, h("i", { class: "lamp-key lost" }), " gradient is NaN or infinite") : null,
    ),
  );
  return { element, select };
}

function stop({ at, name }: Stop, run: Run, curves: Curves, lights: readonly (number | undefined)[], shared: string, pick: () => void): HTMLButtonElement {
  const block = run.blocks[at[0] ?? 0]!;
  const known = at.map((i) => lights[i]).filter((light) => light !== undefined);
  const lost = known.some((light) => !Number.isFinite(light));
  const [light, most] = [Math.min(...known), Math.max(...known)];
  const lit = light > 0 ? Math.max(0.02, Math.min(1, 1 - Math.log10(Math.min(1, light)) / FLOOR)) : 0;
  const what = block.kind === "act" ? block.act : block.kind;
  const range = number(light) === number(most) ? number(light) : `${number(light)} to ${number(most)}`;
  const grad = !known.length ? "" : lost ? ", gradient NaN or infinite" : `, gradient ${range} of the last act’s`;
  const times = at.length > 1 ? `, ${at.length.toLocaleString("en-US")} places` : "";
  const why = block.affected && at.length === 1 ? `: ${block.affected}` : "";
  const after = block.layer && block.layer !== block.name && at.length === 1 ? block.layer : "";
  const label = `${name}, ${what}${times}${after ? ` after ${after}` : ""}${block.units ? `, ${count(block.units, "unit")}` : ""}, ${WORDS[block.health]}${why}${grad}`;
  const button = h(
    "button",
    { type: "button", class: `stop ${block.kind} tone-${tone(block.health)} ${block.health}`, "aria-pressed": "false", "data-key": `stop ${name}`, "aria-label": label, title: label, onclick: pick },
    glyph(block, curves),
    h("span", { class: "stop-name" }, broken(tail(without(shared, name), run.blocks.length > WIDE ? 16 : 26))),
    h("span", { class: "stop-act" }, what),
    times ? h("b", { class: "stop-act" }, `× ${at.length}`) : null,
    block.kind === "act" && after ? h("span", { class: "stop-act" }, `after ${tail(without(shared, after), 11)}`) : null,
    icon(block.health),
    known.length ? vars(h("span", { class: `lamp ${lost ? "lost" : ""}` }), { "--lit": lost ? 1 : lit }) : null,
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
export function broken(name: string): Child[] {
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
