// Draws a run and its diagnosis, or two side by side: the page of `relume report` and `relume live`.
import { h, type Child } from "../lib/dom";
import { menu } from "../lib/controls";
import { icon, WORDS, type Health } from "../lib/icons";
import { count, number } from "../lib/numbers";
import { remember, state } from "../lib/permalink";
import { last } from "../lib/series";
import { themeButton } from "../lib/theme";
import { depthMap } from "./depth";
import { depth, evidence, everywhere, loss, nonfinite, of, PERCENT, updates } from "./figures";
import { cure, notes, rest, story } from "./findings";
import { broken, flow, type Flow } from "./flow";
import { follow } from "./live";
import { site } from "./site";
import { allUpdates } from "./updates";
import { trials } from "./trials";
import type { Finding, Report, Run } from "./types";

export function report(element: HTMLElement, data: Report): void {
  document.title = `${data.runs.map((run) => run.name).join(" and ")}: relume`;
  const show = (now: Report): void => element.replaceChildren(...page(now));
  show(data);
  if (data.live) follow(element, data, show);
}

function page(data: Report): HTMLElement[] {
  const two = data.runs.length > 1;
  const chosen = state()["site"];
  let selected = chosen ?? start(data.runs[0]!);
  const flows: Flow[] = [];
  const panel = h("div", { class: two ? "columns" : "", id: "site", "aria-live": "off" });
  const pick = (name: string, write = true): void => {
    selected = name;
    if (write) remember({ site: name });
    data.runs.forEach((run, i) => flows[i]?.select(run.blocks.findIndex((block) => block.name === name)));
    panel.replaceChildren(...data.runs.map((run) => site(run, run.blocks.findIndex((block) => block.name === name), data.curves)));
    list.querySelector("select")!.value = name;
  };
  const names = [...new Set(data.runs.flatMap((run) => run.blocks.map((block) => block.name)))];
  const list = menu({ label: "Place", values: names.map((name) => [name, name] as const), value: selected, onChange: (name) => pick(name) });
  for (const run of data.runs)
    flows.push(flow(run, data.curves, two ? `The network of ${run.name}` : "The network, as data flows through it", (at) => pick(run.blocks[at]?.name ?? "")));
  const network = h(
    "section",
    { id: "network" },
    h("h2", {}, "The network, as data flows through it"),
    columns(data, (_, i) => flows[i]!.element),
    h("div", { class: "site-pick" }, h("h2", {}, "One place over the steps"), list),
    panel,
  );
  if (names.length) pick(selected, false);
  return [
    h("a", { class: "skip", href: "#network" }, "Skip to the network"),
    header(data),
    two ? h("div", { class: "columns firsts" }, data.runs.map((run, i) => first(run, data, i))) : first(data.runs[0]!, data, -1),
    two ? differences(data) : null,
    names.length ? network : null,
    maps(data, (name) => {
      pick(name);
      panel.scrollIntoView({ block: "start" });
    }),
    training(data),
    h("section", { id: "findings" }, h("h2", {}, "Findings"), columns(data, (run) => story(run, data))),
    columns(data, (run) => notes(run, data)),
    trials(data.trials),
    h("section", { id: "rest" }, h("h2", {}, "What else was looked at"), columns(data, (run) => rest(run))),
    footer(data),
  ].filter((part) => part !== null);
}

/** The place to show first: that of the first root, else the worst, else the first act. */
function start(run: Run): string {
  const order: Health[] = ["error", "warning", "note"];
  const root = run.findings[run.roots[0] ?? -1];
  const named = root?.block ?? null;
  if (named !== null) return run.blocks[named]?.name ?? "";
  for (const health of order) {
    const found = run.blocks.find((block) => block.health === health);
    if (found) return found.name;
  }
  const seen = run.blocks.find((block) => block.kind === "act" && block.health !== "unseen");
  return (seen ?? run.blocks[0])?.name ?? "";
}

function columns(data: Report, make: (run: Run, i: number) => Child): HTMLElement {
  if (data.runs.length === 1) return h("div", {}, make(data.runs[0]!, 0));
  return h("div", { class: "columns" }, data.runs.map((run, i) => h("div", { class: "column" }, h("h3", { class: `run-name tone-${"ab"[i]}` }, run.name), make(run, i))));
}

const STANDING = { ended: "", training: "still training", lost: "ended without a word: killed, or lost" };

function header(data: Report): HTMLElement {
  const facts = (run: Run): string => {
    const about = new Map(run.about);
    return [about.get("script"), about.get("steps") && `${about.get("steps")} steps`, about.get("optimiser")].filter(Boolean).join(" · ");
  };
  return h(
    "header",
    { class: "top" },
    h("span", { class: "brand" }, h("span", { class: "brand-mark", "aria-hidden": "true" }), "relume"),
    h("p", { class: "muted" }, data.runs.length > 1 ? "two runs side by side" : facts(data.runs[0]!)),
    data.live ? h("span", { class: "live", role: "status", id: "live" }, STANDING[data.runs[0]!.state] || "ended") : null,
    themeButton(),
  );
}

const KINDS: Record<Run["verdict"]["kind"], Health> = { sick: "error", fine: "fine", unknown: "warning" };

function first(run: Run, data: Report, at: number): HTMLElement {
  const root = run.findings[run.roots[0] ?? -1];
  const health = root ? worst(root, run) : KINDS[run.verdict.kind];
  const claim = run.verdict.claim.split(":")[0] ?? "";
  const standing = STANDING[run.state];
  const others = run.roots.slice(1).map((i) => run.findings[i]!);
  return h(
    "section",
    { class: `first ${at >= 0 ? "half" : ""}`, "aria-label": at >= 0 ? `Verdict on ${run.name}` : "Verdict" },
    h(
      "div",
      { class: "first-words" },
      at >= 0 ? h("p", { class: `run-name tone-${"ab"[at]}` }, run.name) : null,
      h("p", { class: `verdict ${health}` }, icon(health), h("span", {}, root ? claim : { sick: "Sick", fine: "Healthy", unknown: "Not known" }[run.verdict.kind])),
      h("h1", {}, root ? broken(headline(root, run)) : `${claim}.`),
      root ? h("p", { class: "lede" }, data.pages[root.rule] ? sentence(data.pages[root.rule]!.summary) : "") : null,
      h("p", { class: "because" }, root ? root.message : run.verdict.outcome),
      h("p", { class: "muted" }, root ? run.verdict.outcome : looked(run)),
      root?.cure ? cure(root, run) : null,
      others.length ? h("p", { class: "also" }, h("b", {}, "Also: "), others.slice(0, 4).map((other, i) => [i ? "; " : "", h("span", {}, icon(other.severity), " ", headline(other, run))]), others.length > 4 ? ` and ${number(others.length - 4)} more` : "") : null,
      standing ? h("p", { class: "standing" }, `The run ${run.state === "lost" ? standing : `is ${standing}`}.`) : null,
    ),
    hero(run, root)?.element,
  );
}

/** How much stands behind the word "fine". */
function looked(run: Run): string {
  const fine = new Set([...run.checked, ...run.ruled_out].map(([code]) => code)).size;
  const missing = new Set(run.not_checked.flatMap((gap) => gap.rules)).size;
  const gaps = missing ? ` ${count(missing, "rule")} could not look at everything, and the page says why.` : "";
  return `${count(fine, "rule")} looked and found nothing.${gaps}`;
}

function worst(root: Finding, run: Run): Health {
  const below = root.explains.map((i) => run.findings[i]?.severity);
  return root.severity === "error" || below.includes("error") ? "error" : root.severity === "warning" || below.includes("warning") ? "warning" : root.severity;
}

function headline(finding: Finding, run: Run): string {
  if (!finding.site) return finding.title;
  const act = run.blocks[finding.block ?? -1]?.act ?? "";
  return `${finding.title} at ${finding.site}${act && !finding.site.includes(act) ? ` (${act})` : ""}`;
}

function sentence(text: string): string {
  return text ? text[0]!.toUpperCase() + text.slice(1) : "";
}

function hero(run: Run, root: Finding | undefined) {
  const blamed = new Set(run.findings.filter((each) => root && each.code === root.code).flatMap((each) => (each.block === null ? [] : [each.block])));
  const made = {
    depth: () => depth(run, blamed, root?.stat.startsWith("grad_rms")),
    nonfinite: () => nonfinite(run, blamed),
    silent: () => everywhere(run, "silent", blamed, atEnd(run, root, "silent", "of the units", "have no slope"), "Share of units without a slope on any sampled row of a record."),
    flat: () => {
      const side = root && /high/.test(`${root.stat} ${root.message}`) ? "high" : "low";
      return everywhere(run, side, blamed, atEnd(run, root, side, "of the entries", `lie where the act is flat, ${side === "high" ? "above" : "below"}`), "Share of entries whose slope is below 5 % of the act’s largest.");
    },
    updates: () => updates(run, null, "How much a step changes the weights", 330),
    loss: () => loss([run], root ? lossTitle(run) : "Loss", 340),
    evidence: () => root && evidence(run, root, 330),
  }[run.hero.figure];
  return made?.() ?? (root && evidence(run, root, 330)) ?? loss([run], "Loss", 340);
}

/** What a stat came to where the root stands, as a sentence. */
function atEnd(run: Run, root: Finding | undefined, key: string, of_: string, what: string): string {
  const block = run.blocks[root?.block ?? -1];
  const value = last(block && of(run, block.series[key]));
  return Number.isFinite(value) && block ? `${PERCENT(value)} ${of_} of ${block.name} ${what} at the end` : `Share ${of_} that ${what}`;
}

/** What the loss did, in the outcome's own numbers. */
function lossTitle(run: Run): string {
  const { best, best_step: step, end } = run.numbers;
  if (typeof best === "number" && typeof end === "number" && typeof step === "number" && end > 2 * best && end - best > 0.1)
    return `The loss was ${number(best)} at step ${number(step)}, and ${number(end)} at the end`;
  return "The loss, and what happened when";
}

function differences(data: Report): HTMLElement | null {
  const found = data.differences;
  if (!found) return null;
  const list = (items: [string, string, string][]): Child =>
    items.length
      ? h("ul", { class: "plain" }, items.slice(0, 60).map(([severity, rule, where]) => h("li", {}, icon(severity as Health), ` ${rule} `, h("span", { class: "mono" }, where), h("span", { class: "sr-only" }, ` ${WORDS[severity as Health]}`))))
      : h("p", { class: "muted" }, "nothing");
  return h(
    "section",
    {},
    h("h2", {}, "What differs"),
    loss(data.runs, "Loss of both", 300)?.element,
    h("div", { class: "grid-3" }, h("div", {}, h("h3", { class: "over" }, `Only in ${data.runs[0]!.name}`), list(found.first)), h("div", {}, h("h3", { class: "over" }, `Only in ${data.runs[1]!.name}`), list(found.second)), h("div", {}, h("h3", { class: "over" }, "In both"), list(found.both))),
  );
}

function maps(data: Report, pick: (name: string) => void): HTMLElement | null {
  const made = data.runs.map((run) => depthMap(run, (at) => pick(run.blocks[at]?.name ?? "")));
  if (made.every((one) => one === null)) return null;
  return h("section", { id: "depth" }, h("h2", {}, "Where the gradient goes"), columns(data, (_, i) => made[i]?.element));
}

function training(data: Report): HTMLElement | null {
  const parts = data.runs.map((run) => {
    const rate = of(run, run.run.rate);
    const same = rate && rate.high.every((value) => value === rate.high[0]);
    return [data.runs.length > 1 ? null : loss([run], "Loss", 260), allUpdates(run, 260)]
      .flatMap((one) => (one ? [one.element] : []))
      .concat(rate && same ? [h("p", { class: "muted small" }, `The learning rate was ${number(rate.high[0] ?? NaN)} throughout.`)] : []);
  });
  if (parts.every((part) => !part.length)) return null;
  return h("section", { id: "training" }, h("h2", {}, "The training"), columns(data, (_, i) => h("div", { class: data.runs.length > 1 ? "" : "grid-2" }, parts[i])));
}

function footer(data: Report): HTMLElement {
  return h(
    "footer",
    { class: "foot" },
    columns(data, (run) => h("dl", { class: "facts" }, run.about.map(([key, value]) => h("div", {}, h("dt", {}, key), h("dd", { class: "mono" }, value))))),
  );
}
