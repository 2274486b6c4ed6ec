// The one global: `relume.mount(element, data)` draws the kind of page that `data.kind` names.
import { acts, lesson } from "./atlas/index";
import { report } from "./report/index";

type Mount = (element: HTMLElement, data: never) => void;

const kinds = new Map<string, Mount>([
  ["report", report as Mount],
  ["lesson", lesson as Mount],
]);

export function mount(element: HTMLElement, data: { kind: string }): void {
  const draw = kinds.get(data.kind);
  if (!draw) throw new Error(`relume: nothing draws ${JSON.stringify(data.kind)}`);
  element.classList.add("relume");
  draw(element, data as never);
}

/** The acts as the page computes them, for the tests. */
export { acts };
