// Shows health as a shape and a word, so that it never stands on colour alone.
import { s } from "./dom";

export type Health = "fine" | "fact" | "note" | "warning" | "error" | "affected" | "unseen";

const SHAPES: Record<Health, string> = {
  error: "M5.2 1h5.6L15 5.2v5.6L10.8 15H5.2L1 10.8V5.2Z",
  warning: "M8 1.2 15.4 14.4H.6Z",
  note: "M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1Z",
  fact: "M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1Z",
  fine: "M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1Z",
  affected: "M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1Z",
  unseen: "M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1Z",
};
const SIGNS: Record<Health, string> = {
  error: "M5.6 5.6 10.4 10.4M10.4 5.6 5.6 10.4",
  warning: "M8 6v4M8 12v.4",
  note: "M8 7.2v4M8 4.8v.3",
  fact: "M8 7.2v4M8 4.8v.3",
  fine: "M4.9 8.3 7 10.4 11.2 5.8",
  affected: "M8 4.4v6M5.4 8 8 10.8 10.6 8",
  unseen: "M5 8h6",
};
export const WORDS: Record<Health, string> = {
  error: "error",
  warning: "warning",
  note: "note",
  fact: "fact",
  fine: "fine",
  affected: "affected",
  unseen: "not measured",
};

export function tone(health: Health): "error" | "warning" | "note" | "fine" | "muted" {
  if (health === "affected") return "warning";
  return health === "fact" || health === "unseen" ? "muted" : health;
}

export function icon(health: Health): SVGSVGElement {
  return s(
    "svg",
    { viewBox: "0 0 16 16", class: `icon tone-${tone(health)} ${health}`, "aria-hidden": "true" },
    s("path", { class: "icon-shape", d: SHAPES[health] }),
    s("path", { class: "icon-sign", d: SIGNS[health] }),
  );
}
