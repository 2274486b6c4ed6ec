// A diagnosis with its run: what `relume report` and `relume live` show.
import { h } from "../lib/dom";

export interface Report {
  kind: "report";
  title: string;
}

export function report(element: HTMLElement, data: Report): void {
  element.replaceChildren(h("h1", {}, data.title));
}
