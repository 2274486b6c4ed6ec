// Draws trials: every arm against the base, pair by pair, with the interval of the mean difference.
import { h, type Child } from "../lib/dom";
import { figure, type Figure } from "../lib/figure";
import { icon, type Health } from "../lib/icons";
import { count, number } from "../lib/numbers";
import { around, draw, type Mark, type Tone } from "../lib/plot";
import { finite } from "../lib/series";
import type { Arm, Trial } from "./types";

const LOOKS: Record<string, Health> = { proven: "fine", worse: "error", undecided: "note" };

function looks(arm: Arm): Health {
  return LOOKS[arm.word] ?? "unseen";
}

export function trials(all: readonly Trial[]): HTMLElement | null {
  if (!all.length) return null;
  return h("section", { id: "trials" }, h("h2", {}, "What was tried"), all.map(trial));
}

function trial(one: Trial): HTMLElement {
  return h(
    "div",
    { class: "trial" },
    h("h3", {}, one.question),
    effects(one).element,
    h("ul", { class: "arms" }, one.arms.map(arm)),
  );
}

function arm(one: Arm): HTMLElement {
  const lost = one.shots.filter((shot) => shot.problem).map((shot): Child => h("li", { class: "muted small" }, `Seed ${shot.seed}: ${shot.problem}`));
  return h(
    "li",
    {},
    icon(looks(one)),
    h("div", {}, h("b", {}, one.name), ` ${one.word}${one.fresh ? ", on fresh seeds" : ""}`, h("p", {}, one.text), h("p", { class: "muted small" }, one.edits.filter(Boolean).join("; ")), one.more_seeds ? h("p", { class: "muted small" }, `${count(one.more_seeds, "more pair")} would decide it.`) : null, lost.length ? h("ul", { class: "plain" }, lost) : null),
  );
}

const ROW = 46;

function effects(one: Trial): Figure {
  const arms = one.arms;
  const values = arms.flatMap((each) => [
    ...each.pairs.map(([, value]) => finite(value)),
    ...(each.effect ? [finite(each.effect.low), finite(each.effect.high)] : []),
  ]);
  const domain = around([...values, 0]);
  const level = arms.find((each) => each.effect)?.effect?.level ?? 0.95;
  return figure({
    title: `Paired difference in ${one.objective.name} to ${one.base.name}`,
    caption: `Right of zero the arm is better. A dot is a pair of runs with one seed; the bar is the ${number(100 * level)} % interval of their mean.`,
    table: () => ({
      columns: ["arm", "verdict", "mean", "low", "high", "p, corrected", "wins"],
      rows: arms.map(({ name, word, effect }) => [name, word, ...(effect ? [number(finite(effect.mean)), number(finite(effect.low)), number(finite(effect.high)), number(finite(effect.p)), `${effect.wins} of ${effect.pairs}`] : ["", "", "", "", ""])]),
    }),
    draw: (host, width) => {
      const tones: Record<Health, Tone> = { fine: "fine", error: "error", note: "note", warning: "warning", fact: "muted", affected: "warning", unseen: "muted" };
      const marks: Mark[] = [
        { kind: "zone", axis: "x", from: 0, to: domain[1], tone: "fine", label: "better" },
        { kind: "rule", axis: "x", at: 0, tone: "ink" },
        ...arms.flatMap((each, i): Mark[] => {
          const y = arms.length - 1 - i;
          const tone = tones[looks(each)];
          const dots: Mark = { kind: "dots", name: each.name, tone: "muted", size: 3, points: each.pairs.map(([, value], j) => [finite(value), y - 0.16 - 0.05 * (j % 3)]) };
          if (!each.effect) return [dots];
          const { low, high, mean } = each.effect;
          return [
            dots,
            { kind: "line", name: `${each.name} interval`, tone, points: [[finite(low), y + 0.12], [finite(high), y + 0.12]], mute: true },
            { kind: "dots", name: each.name, tone, size: 5, shape: "diamond", points: [[finite(mean), y + 0.12]] },
          ];
        }),
      ];
      draw(host, width, {
        height: 76 + ROW * arms.length,
        still: true,
        summary: `Paired differences: ${arms.map(({ name, word, effect }) => `${name} ${word}${effect ? `, ${number(finite(effect.mean))} (${number(finite(effect.low))} to ${number(finite(effect.high))})` : ""}`).join("; ")}.`,
        x: { label: `difference in ${one.objective.name}`, domain },
        y: { label: "", domain: [-0.6, arms.length - 0.4], ticks: arms.map((_, i) => i), format: (i) => shorten(arms[arms.length - 1 - Math.round(i)]?.name ?? "") },
        left: 150,
        marks,
      });
    },
  });
}

function shorten(name: string): string {
  return name.length > 20 ? `${name.slice(0, 19)}…` : name;
}
