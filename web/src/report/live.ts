// Follows a run: the page asks its own server for newer data, and keeps open what the reader opened.
import type { Report } from "./types";

export function follow(element: HTMLElement, first: Report, show: (data: Report) => void): void {
  const every = 1000 * (first.live?.every ?? 2);
  let tag = "";
  let waiting: Report | null = null;
  const tell = (text: string): void => {
    const line = document.getElementById("live");
    if (line && line.textContent !== text) line.textContent = text;
  };
  const ask = async (): Promise<void> => {
    let over = false;
    try {
      const answer = await fetch("data", { cache: "no-store", headers: tag ? { "If-None-Match": tag } : {} });
      if (answer.status === 200) {
        tag = answer.headers.get("ETag") ?? "";
        waiting = (await answer.json()) as Report;
        over = waiting.runs[0]?.state === "ended";
      } else if (answer.status !== 304) tell(`cannot be read now: ${await answer.text()}`);
    } catch {
      tell("the server has gone; this is the last that was seen");
    }
    if (waiting && !busy(element)) {
      kept(element, () => waiting && show(waiting));
      waiting = null;
    }
    if (!over || waiting) setTimeout(() => void ask(), every);
  };
  setTimeout(() => void ask(), every);
}

/** Whether the reader is walking a figure or moving a control, which a redraw would interrupt. */
function busy(element: HTMLElement): boolean {
  const now = document.activeElement;
  const inside = now !== null && element.contains(now) && now.matches(".walker, input, select");
  return inside || element.querySelector(".tip:not([hidden])") !== null || element.querySelector(".figure-table:not([hidden])") !== null;
}

function kept(element: HTMLElement, change: () => void): void {
  const known = new Map<string, boolean>();
  for (const each of element.querySelectorAll<HTMLDetailsElement>("details[data-key]")) known.set(each.dataset["key"] ?? "", each.open);
  const y = scrollY;
  const focused = focusPath(element);
  change();
  for (const each of element.querySelectorAll<HTMLDetailsElement>("details[data-key]")) {
    const open = known.get(each.dataset["key"] ?? "");
    if (open !== undefined) each.open = open;
  }
  focused?.();
  scrollTo(0, y);
}

/** Puts the focus back on the control with the same key, or the same words. */
function focusPath(element: HTMLElement): (() => void) | null {
  const now = document.activeElement;
  if (!(now instanceof HTMLElement) || !element.contains(now)) return null;
  const words = (each: HTMLElement): string => each.dataset["key"] ?? each.getAttribute("aria-label") ?? each.textContent ?? "";
  const [tag, wanted] = [now.tagName, words(now)];
  return () => {
    const all = [...element.querySelectorAll<HTMLElement>(tag)];
    all.find((each) => words(each) === wanted)?.focus({ preventScroll: true });
  };
}
