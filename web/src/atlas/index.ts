// Mounts the figures of a lesson: the page has its text already, and a slot for each figure.
import { themeButton } from "../lib/theme";
import { bound, names } from "./acts";
import { mount, type FigureData, type Kind, type Maker } from "./engine";
import { bars } from "./kinds/bars";
import { birth } from "./kinds/birth";
import { boundary } from "./kinds/boundary";
import { classes } from "./kinds/classes";
import { cloud } from "./kinds/cloud";
import { curve } from "./kinds/curve";
import { depth } from "./kinds/depth";
import { descent } from "./kinds/descent";
import { fit } from "./kinds/fit";
import { head } from "./kinds/head";
import { means } from "./kinds/means";
import { shape } from "./kinds/shape";
import { timeline } from "./kinds/timeline";

const kinds: Record<string, (data: FigureData<never>) => Kind> = {
  bars, birth, boundary, classes, cloud, curve, depth, descent, fit, head, means, shape, timeline,
} satisfies Record<string, Maker>;

export interface Lesson {
  kind: "lesson";
  /** The page's slots for figures by their id, and the figures. */
  figures: Record<string, FigureData<never>>;
}

export function lesson(element: HTMLElement, data: Lesson): void {
  for (const slot of element.querySelectorAll<HTMLElement>("[data-theme-button]")) slot.replaceChildren(themeButton());
  for (const [id, figure] of Object.entries(data.figures)) {
    const slot = element.querySelector<HTMLElement>(`[data-figure="${id}"]`);
    const make = kinds[figure.kind];
    if (!slot || !make) throw new Error(`relume: no slot or no drawing for figure ${id}`);
    mount(slot, id, figure, make(figure));
  }
}

/** Value and slope of an act at each z: what the tests hold against the Python acts. */
export function acts(): { names: string[]; at: (name: string, zs: number[]) => [number[], number[]] } {
  return {
    names,
    at: (name, zs) => {
      const act = bound(name);
      return [zs.map(act.value), zs.map(act.slope)];
    },
  };
}
