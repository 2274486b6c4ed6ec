// Draws the stats of one block over the steps.
import { h } from "../lib/dom";
import { icon, WORDS } from "../lib/icons";
import { count } from "../lib/numbers";
import { lastStep, scales, shares, updates } from "./figures";
import { spread } from "./spread";
import type { Curves, Run } from "./types";

export function site(run: Run, at: number, curves: Curves): HTMLElement {
  const block = run.blocks[at];
  if (!block) return h("p", { class: "muted" }, "This run has no such place.");
  const facts = [
    block.kind === "act" ? block.act : block.kind,
    block.role && block.role !== "hidden" ? block.role : "",
    block.layer && block.layer !== block.name ? `after ${block.layer}` : "",
    block.units ? count(block.units, "unit") : "",
  ].filter(Boolean);
  const figures = [
    block.kind === "act" ? spread(block, curves, lastStep(run)) : null,
    shares(run, block, at),
    scales(run, block),
    updates(run, at, "Update ratio"),
  ].filter((one) => one !== null);
  // two stacks, since figures differ in height
  const stacks = [0, 1].map((side) => h("div", { class: "stack" }, figures.filter((_, i) => i % 2 === side).map((one) => one.element)));
  return h(
    "div",
    { class: "site" },
    h(
      "header",
      { class: "site-head" },
      icon(block.health),
      h("h3", { class: "mono" }, block.name),
      h("p", { class: "muted" }, facts.join(" · "), block.place ? h("span", {}, " · ", h("code", {}, block.place)) : null),
    ),
    block.findings.length
      ? h(
          "ul",
          { class: "site-findings" },
          block.findings.map((i) => {
            const finding = run.findings[i];
            return finding && h("li", {}, icon(finding.severity), " ", h("b", {}, finding.title), `, ${WORDS[finding.severity]}: ${finding.message}`);
          }),
        )
      : h("p", { class: "muted" }, block.health === "unseen" ? "Nothing could be measured here." : block.affected ? `No fault of its own, but affected: ${block.affected}.` : "Nothing was found here."),
    figures.length ? h("div", { class: "grid-2" }, stacks) : null,
  );
}
