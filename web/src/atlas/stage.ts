// Where a figure draws: panels that are drawn anew, and over them handles that stay, so that a
// drag or the focus survives a redraw. Every handle is a slider that the arrow keys move.
import { h, s, vars } from "../lib/dom";
import { draw, type Place, type Plot, type Tone } from "../lib/plot";

export interface Handle {
  label: string;
  /** Pixels in the panel. */
  x: number;
  y: number;
  /** Read out by screen readers. */
  text: string;
  value: number;
  tone?: Tone;
  onMove: (x: number, y: number) => void;
  onKey: (across: number, up: number, big: boolean) => void;
}

const KEYS: Record<string, [number, number, boolean]> = {
  ArrowRight: [1, 0, false], ArrowLeft: [-1, 0, false], ArrowUp: [0, 1, false], ArrowDown: [0, -1, false],
  PageUp: [0, 1, true], PageDown: [0, -1, true],
};

export class Stage {
  private readonly panels: HTMLElement[] = [];
  private readonly handles = new Map<string, { element: HTMLElement; now: Handle }>();
  width = 0;

  constructor(readonly host: HTMLElement) {
    host.classList.add("stage");
  }

  /** The height of a drawing: so tall on a wide screen, flatter on a narrow one. */
  tall(height: number): number {
    return Math.round(this.width > 560 ? height : Math.max(170, height * 0.7));
  }

  /** The panel at this place, made when first asked for. */
  panel(at: number): HTMLElement {
    while (this.panels.length <= at) {
      const inner = h("div", { class: "stage-inner" });
      const panel = h("div", { class: "stage-panel" }, inner);
      this.panels.push(panel);
      this.host.append(panel);
    }
    return this.panels[at]!;
  }

  inner(at: number): HTMLElement {
    return this.panel(at).querySelector<HTMLElement>(".stage-inner")!;
  }

  /** Draws a plot in a panel; gives its place and how far its inside is from the panel's corner. */
  plot(at: number, plot: Plot, width = this.width): { place: Place; left: number; top: number } {
    const place = draw(this.inner(at), width, plot);
    const moved = /translate\(([\d.]+),([\d.]+)\)/.exec(
      place.svg.firstElementChild?.getAttribute("transform") ?? "",
    );
    return { place, left: Number(moved?.[1] ?? 0), top: Number(moved?.[2] ?? 0) };
  }

  /** A canvas under the inside of a panel's plot. */
  canvas(at: number, left: number, top: number, width: number, height: number, cells: number): CanvasRenderingContext2D | null {
    const panel = this.panel(at);
    let canvas = panel.querySelector<HTMLCanvasElement>(":scope > canvas");
    if (!canvas) {
      canvas = h("canvas", { class: "stage-canvas", "aria-hidden": "true" });
      panel.prepend(canvas);
    }
    canvas.width = cells;
    canvas.height = Math.max(1, Math.round((cells * height) / width));
    vars(canvas, { "--left": `${left}px`, "--top": `${top}px`, "--w": `${width}px`, "--h": `${height}px` });
    return canvas.getContext("2d");
  }

  /** A handle over a panel; the same name moves the one that is there. */
  handle(at: number, name: string, handle: Handle): void {
    let known = this.handles.get(name);
    if (!known) {
      const element = h("div", { class: "stage-handle", role: "slider", tabindex: 0 });
      const kept = { element, now: handle };
      const point = (event: PointerEvent): void => {
        const box = this.panel(at).getBoundingClientRect();
        kept.now.onMove(event.clientX - box.left, event.clientY - box.top);
      };
      element.addEventListener("pointerdown", (event) => {
        element.setPointerCapture(event.pointerId);
        element.focus({ preventScroll: true });
        event.preventDefault();
      });
      element.addEventListener("pointermove", (event) => element.hasPointerCapture(event.pointerId) && point(event));
      element.addEventListener("keydown", (event) => {
        const move = KEYS[event.key];
        if (!move) return;
        event.preventDefault();
        kept.now.onKey(...move);
      });
      known = kept;
      this.handles.set(name, known);
      this.panel(at).append(element);
    }
    known.now = handle;
    known.element.className = `stage-handle tone-${handle.tone ?? "accent"}`;
    known.element.setAttribute("aria-label", handle.label);
    known.element.setAttribute("aria-valuenow", String(Number(handle.value.toFixed(4))));
    known.element.setAttribute("aria-valuetext", handle.text);
    vars(known.element, { "--x": `${handle.x}px`, "--y": `${handle.y}px` });
  }
}

export interface Row {
  name: string;
  value: number;
  low?: number | undefined;
  high?: number | undefined;
  /** Each seed's value, drawn as a dot; one beyond the axis stands at its end as an arrow. */
  points?: readonly number[];
  tone: Tone;
  text: string;
}

/** The values of a row's seeds; a seed that diverged has none. */
const seeds = (row: Row): number[] => (row.points ?? []).filter((point) => !Number.isNaN(point));

/** Bars from zero, one a row, with their intervals; a row without a number says its text. */
export function bars(host: HTMLElement, width: number, rows: readonly Row[], summary: string, domain?: [number, number]): void {
  const longest = Math.max(...rows.map((row) => row.name.length));
  const left = Math.min(7.2 * longest + 14, width * 0.4);
  const right = 8 + 6.8 * Math.max(...rows.map((row) => row.text.length));
  const ends = rows.flatMap((row) => [row.value, row.low ?? row.value, row.high ?? row.value]).filter(Number.isFinite);
  const low = Math.min(0, domain?.[0] ?? 0, ...ends, ...rows.flatMap(seeds));
  const high = Math.max(0, domain?.[1] ?? 0, ...ends) || 1;
  const inside = Math.max(40, width - left - right);
  const at = (value: number): number => left + ((value - low) / (high - low || 1)) * inside;
  const pitch = 30;
  const svg = s("svg", { width, height: rows.length * pitch + 8, class: "plot rows", role: "img", "aria-label": summary });
  svg.append(s("line", { class: "rows-zero", x1: at(0), x2: at(0), y1: 2, y2: rows.length * pitch + 4 }));
  rows.forEach((row, i) => {
    const y = i * pitch + pitch / 2 + 4;
    svg.append(s("text", { class: "rows-name", x: left - 10, y: y + 4, "text-anchor": "end" }, row.name));
    const known = Number.isFinite(row.value);
    if (known) {
      const [a, b] = [at(0), at(row.value)];
      svg.append(s("rect", { class: `bar tone-${row.tone}`, x: Math.min(a, b), y: y - 8, width: Math.max(1, Math.abs(b - a)), height: 16, rx: 2 }));
      if (row.low !== undefined && row.high !== undefined && Number.isFinite(row.low) && Number.isFinite(row.high))
        svg.append(s("path", { class: "whisker", d: `M${at(row.low)},${y - 5}v10M${at(row.low)},${y}H${at(row.high)}M${at(row.high)},${y - 5}v10` }));
      seeds(row).forEach((point, k) => {
        const lift = y - 4 + 4 * (k % 3); // seeds of one value stay apart
        svg.append(point > high
          ? s("path", { class: "seed", d: `M${at(high)},${lift - 3}l5,3l-5,3z` })
          : s("circle", { class: "seed", cx: at(point), cy: lift, r: 2 }));
      });
    }
    const seen = seeds(row).map((point) => at(Math.min(point, high)) + 3);
    const edge = known ? Math.max(at(0), at(row.value), at(row.high ?? row.value), ...seen) : at(0);
    svg.append(s("text", { class: known ? "rows-value" : "rows-lost", x: edge + 7, y: y + 4 }, row.text));
  });
  host.replaceChildren(svg);
}
