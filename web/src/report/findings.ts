// Writes findings with their numbers, their rule's page and their cure, then what is no finding.
import { copyButton } from "../lib/copy";
import { h, type Child } from "../lib/dom";
import { icon, WORDS } from "../lib/icons";
import { count, number, span } from "../lib/numbers";
import { finite } from "../lib/series";
import { evidence } from "./figures";
import type { Branch, Finding, Report, Run } from "./types";

export function story(run: Run, data: Report): HTMLElement {
  if (!run.story.length) return h("p", { class: "muted" }, "No finding of warning or above.");
  return h("div", { class: "story" }, run.story.map((branch) => tree(branch, run, data, true)));
}

export function notes(run: Run, data: Report): HTMLElement | null {
  if (!run.notes.length) return null;
  return h(
    "section",
    {},
    h("h2", {}, "Worth knowing, not harm"),
    h("div", { class: "story" }, run.notes.map((branch) => tree(branch, run, data, false))),
  );
}

const FULL = 12; // symptoms of one finding shown; the rest is behind a button
const ALIKE = 4; // symptoms of one rule from which on they are one line

function tree(branch: Branch, run: Run, data: Report, open: boolean): HTMLElement {
  const finding = run.findings[branch.finding];
  if (!finding) return h("div");
  const below = alike(branch.below, run).map((group) => () => (group.length < ALIKE ? tree(group[0]!, run, data, false) : many(group, run, data)));
  const list = h("ul", { class: "below", "aria-label": `Explained by ${finding.title}` }, below.slice(0, FULL).map((make) => h("li", {}, make())));
  const rest = below.slice(FULL);
  if (rest.length) {
    const more = h("button", { type: "button", class: "quiet" }, `Show ${count(rest.length, "more symptom")}`);
    const item = h("li", {}, more);
    more.addEventListener("click", () => item.replaceWith(...rest.map((make) => h("li", {}, make()))));
    list.append(item);
  }
  return h(
    "div",
    { class: "branch" },
    card(finding, run, data, open),
    below.length ? [open ? h("p", { class: "explains muted small" }, `which explains ${count(size(branch) - 1, "symptom")}`) : null, list] : null,
  );
}

function size(branch: Branch): number {
  return branch.below.reduce((sum, child) => sum + size(child), 1);
}

/** The branches, those of one rule together where they are many. */
function alike(branches: readonly Branch[], run: Run): Branch[][] {
  const groups = new Map<string, Branch[]>();
  for (const branch of branches) {
    const key = run.findings[branch.finding]?.code ?? "";
    groups.set(key, [...(groups.get(key) ?? []), branch]);
  }
  return [...groups.values()].flatMap((group) => (group.length < ALIKE ? group.map((one) => [one]) : [group]));
}

/** The findings of a branch. */
function each(branch: Branch, run: Run): Finding[] {
  return [run.findings[branch.finding], ...branch.below.map((child) => each(child, run))].flat().filter((found) => found !== undefined);
}

/** Symptoms of one rule at many places, behind one line. */
function many(group: readonly Branch[], run: Run, data: Report): HTMLElement {
  const findings = group.flatMap(({ finding }) => run.findings[finding] ?? []);
  findings.sort((a, b) => (a.block ?? 0) - (b.block ?? 0));
  const [first, end] = [findings[0]!, findings[findings.length - 1]!];
  const below = new Map<string, number>();
  for (const { title } of group.flatMap((branch) => branch.below.flatMap((child) => each(child, run)))) below.set(title, (below.get(title) ?? 0) + 1);
  const gravest = (["error", "warning", "note"] as const).find((each) => findings.some(({ severity }) => severity === each)) ?? "fact";
  const details = h("details", { class: `finding ${gravest}`, "data-key": `all ${first.code}` });
  details.append(
    h(
      "summary",
      {},
      icon(gravest),
      h("span", { class: "finding-title" }, h("b", {}, first.title), ` at ${group.length} places: `, h("span", { class: "mono where" }, `${first.site} … ${end.site}`), below.size ? h("span", { class: "muted" }, ` with ${[...below].map(([title, times]) => `${title}${times > 1 ? ` (${times})` : ""}`).join(", ")}`) : null),
      h("span", { class: "muted small" }, `${first.code} · ${WORDS[gravest]}`),
    ),
  );
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1)
      details.append(h("ul", { class: "below" }, group.map((branch) => h("li", {}, tree(branch, run, data, false)))));
  });
  return details;
}

function card(finding: Finding, run: Run, data: Report, open: boolean): HTMLElement {
  const details = h("details", { class: `finding ${finding.severity}`, "data-key": `${finding.code}@${finding.site}` });
  const where = finding.site || "the whole model";
  details.append(
    h(
      "summary",
      {},
      icon(finding.severity),
      h("span", { class: "finding-title" }, h("b", {}, finding.title), " ", h("span", { class: "mono where" }, where)),
      h("span", { class: "muted small" }, `${finding.code} · ${WORDS[finding.severity]} · ${span(...finding.steps)}${finding.cleared ? ", no longer at the end" : ""}`),
    ),
  );
  let filled = false;
  const fill = (): void => {
    if (filled || !details.open) return;
    filled = true;
    details.append(body(finding, run, data)); // figures of closed findings are never drawn
  };
  details.addEventListener("toggle", fill);
  details.open = open;
  fill();
  return details;
}

function body(finding: Finding, run: Run, data: Report): HTMLElement {
  const limit = finding.limit === null ? null : finite(finding.limit);
  const rows: [string, Child][] = [
    [finding.stat, h("b", {}, number(finite(finding.value)))],
    ["limit", limit === null ? null : number(limit)],
    ["samples", finding.samples ? number(finding.samples) : null],
    ...finding.more.map(([key, value]): [string, Child] => [key.replace(/_/g, " "), value]),
    ["at", finding.place ? h("code", {}, finding.place) : null],
  ];
  const curve = evidence(run, finding, 210);
  return h(
    "div",
    { class: "finding-body" },
    h("p", { class: "finding-message" }, finding.message),
    finding.source ? h("pre", { tabindex: 0, "aria-label": "Source line" }, finding.source) : null,
    finding.cure ? cure(finding, run) : null,
    h(
      "div",
      { class: "grid-2" },
      h("div", {}, h("h3", { class: "over" }, "Evidence"), h("dl", { class: "facts" }, rows.filter(([, value]) => value !== null).map(([key, value]) => h("div", {}, h("dt", {}, key), h("dd", {}, value))))),
      curve?.element,
    ),
    h("p", {}, copyButton("Copy as Markdown", () => markdown(finding, run))),
    page(finding, data),
  );
}

export function cure(finding: Finding, run: Run): HTMLElement {
  return h("p", { class: "cure" }, h("b", {}, "Try first"), " ", finding.cure, run.fix ? [" ", copyButton("Copy fix command", () => run.fix)] : null);
}

/** A finding as an issue or a chat wants it. */
function markdown(finding: Finding, run: Run): string {
  return [
    `**${finding.title}**${finding.site ? ` at \`${finding.site}\`` : ""} (${finding.code}, ${WORDS[finding.severity]}, ${span(...finding.steps)})`,
    finding.message,
    finding.place ? `Place: \`${finding.place}\`` : "",
    finding.cure ? `Try first: ${finding.cure}` : "",
    run.fix ? `\`\`\`sh\n${run.fix}\n\`\`\`` : "",
    `Loss: ${run.verdict.outcome}`,
  ].filter(Boolean).join("\n\n");
}

function page(finding: Finding, data: Report): HTMLElement | null {
  const found = data.pages[finding.rule];
  if (!found) return null;
  return h(
    "details",
    { class: "page", "data-key": `page ${finding.code}@${finding.site}` },
    h("summary", {}, `About ${finding.rule}: ${found.summary}`),
    found.sections.map(([title, paragraphs]) => h("section", {}, h("h3", { class: "over" }, title), paragraphs.map((text) => h("p", {}, coded(text))))),
    h("p", { class: "muted small" }, "In a terminal: ", h("code", {}, `relume explain ${finding.rule}`)),
  );
}

/** Text with the parts between backticks as code. */
function coded(text: string): Child[] {
  return text.split(/``?([^`]+)``?/g).map((part, i) => (i % 2 ? h("code", {}, part) : part));
}

export function rest(run: Run): HTMLElement {
  const list = (title: string, items: [string, string, string][], open = false): HTMLElement | null =>
    items.length
      ? folded(title, items.length, open, h("ul", { class: "plain" }, items.map(([code, name, text]) => h("li", {}, h("b", {}, `${code} ${name}`), " ", text))))
      : null;
  return h(
    "div",
    { class: "rest" },
    list("Ruled out", run.ruled_out, run.story.length > 0 && run.ruled_out.length <= 12),
    list("Checked and fine", run.checked),
    run.not_checked.length
      ? folded(
          "Could not be checked",
          run.not_checked.length,
          true,
          h("ul", { class: "plain" }, run.not_checked.map((gap) => h("li", {}, h("b", {}, gap.rules.join(", ")), gap.sites.length ? h("span", { class: "mono" }, ` at ${gap.sites.join(", ")}`) : "", " ", coded(gap.reason), gap.remedy ? h("span", { class: "muted" }, " To check it: ", coded(gap.remedy)) : ""))),
        )
      : null,
    run.silenced.length
      ? folded("Silenced", run.silenced.length, false, h("ul", { class: "plain" }, run.silenced.map(([label, where, place, why]) => h("li", {}, h("b", {}, label), h("span", { class: "mono" }, ` ${where}`), ` ${why}`, place ? h("span", { class: "muted" }, ` (${place})`) : ""))))
      : null,
  );
}

function folded(title: string, many: number, open: boolean, content: Child): HTMLElement {
  const details = h("details", { class: "fold", "data-key": `fold ${title}` }, h("summary", {}, h("b", {}, title), ` ${many.toLocaleString("en-US")}`), content);
  details.open = open;
  return details;
}
