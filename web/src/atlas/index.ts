// The lessons of the atlas.
import { h } from "../lib/dom";

export interface Lesson {
  kind: "lesson";
  title: string;
}

export function lesson(element: HTMLElement, data: Lesson): void {
  element.replaceChildren(h("h1", {}, data.title));
}
