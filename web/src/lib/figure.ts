// Makes a figure: title, drawing, caption, and its numbers as a table for readers who want them or
// do not see the drawing.
import { h, uid, type Child } from "./dom";
import { onTheme } from "./theme";

export interface Table {
  columns: string[];
  rows: (string | number)[][];
}
export interface FigureParts {
  title: string;
  caption?: Child;
  /** Draws into the host at this width; called again when the width or the colours change. */
  draw: (host: HTMLElement, width: number) => void;
  /** The numbers behind the drawing; made when asked for. */
  table: () => Table;
  /** Controls between title and drawing. */
  controls?: Child;
  class?: string;
}
export interface Figure {
  element: HTMLElement;
  /** Draws again, as the data or a control changed. */
  update: () => void;
}

const PAPER = 640; // pixels of a column on A4: a figure is drawn to that before it is printed

const drawn = new WeakMap<Element, () => void>();
const sizes = new ResizeObserver((entries) => {
  for (const entry of entries) drawn.get(entry.target)?.();
});

export function figure(parts: FigureParts): Figure {
  const id = uid("figure");
  const host = h("div", { class: "figure-host" });
  const table = h("div", { class: "figure-table", id: `${id}-table`, tabindex: -1 });
  table.hidden = true;
  const button = h(
    "button",
    { type: "button", class: "quiet", "aria-expanded": "false", "aria-controls": `${id}-table` },
    "Show as table",
  );
  const element = h(
    "figure",
    { class: `figure ${parts.class ?? ""}`, "aria-labelledby": id },
    h("div", { class: "figure-head" }, h("h3", { id, class: "figure-title" }, parts.title), button),
    parts.controls,
    host,
    table,
    parts.caption && h("figcaption", {}, parts.caption),
  );
  let width = 0;
  const paint = (): void => {
    if (width > 0) parts.draw(host, width);
    if (!table.hidden) table.replaceChildren(tabled(parts.table(), parts.title));
  };
  button.addEventListener("click", () => {
    table.hidden = !table.hidden;
    button.setAttribute("aria-expanded", String(!table.hidden));
    button.textContent = table.hidden ? "Show as table" : "Hide table";
    if (!table.hidden) table.replaceChildren(tabled(parts.table(), parts.title));
  });
  drawn.set(host, () => {
    const now = Math.floor(host.clientWidth);
    if (now === width || now === 0) return;
    width = now;
    paint();
  });
  sizes.observe(host);
  onTheme(() => element.isConnected && paint());
  addEventListener("beforeprint", () => {
    if (width > PAPER && element.isConnected) parts.draw(host, PAPER);
  });
  addEventListener("afterprint", () => element.isConnected && paint());
  return { element, update: paint };
}

const MOST_ROWS = 400; // beyond this nobody reads, and drawing it takes long

/** A table of numbers; its first column names the rows. */
export function tabled(table: Table, caption: string): HTMLElement {
  const rows = table.rows.slice(0, MOST_ROWS);
  const left = table.rows.length - rows.length;
  return h(
    "div",
    { class: "table-scroll", role: "region", "aria-label": caption, tabindex: 0 },
    h(
      "table",
      {},
      h("caption", {}, caption, left > 0 ? ` (${left.toLocaleString("en-US")} more rows)` : ""),
      h("thead", {}, h("tr", {}, table.columns.map((name) => h("th", { scope: "col" }, name)))),
      h(
        "tbody",
        {},
        rows.map(([head, ...cells]) =>
          h("tr", {}, h("th", { scope: "row" }, head ?? ""), cells.map((cell) => h("td", {}, cell))),
        ),
      ),
    ),
  );
}
