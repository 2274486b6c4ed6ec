// Makes elements. A child is text or a node, never markup; no `style` attribute is written, which
// the page's policy forbids, only properties.

export type Child = Node | string | number | null | undefined | false | Child[];
export type Listener = (event: never) => void;
export type Attributes = Record<string, string | number | boolean | null | undefined | Listener>;

const SVG = "http://www.w3.org/2000/svg";

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  return filled(document.createElement(tag), attributes, children);
}

export function s<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  return filled(document.createElementNS(SVG, tag) as SVGElementTagNameMap[K], attributes, children);
}

function filled<E extends Element>(element: E, attributes: Attributes, children: Child[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value as EventListener);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined)
      element.setAttribute(name, String(value));
  }
  append(element, children);
  return element;
}

export function append(element: Element, children: Child[]): void {
  for (const child of children) {
    if (Array.isArray(child)) append(element, child);
    else if (child !== null && child !== undefined && child !== false)
      element.append(typeof child === "number" ? String(child) : child);
  }
}

let last = 0;

/** An id that no other element of the page has. */
export function uid(prefix = "r"): string {
  last += 1;
  return `${prefix}-${last}`;
}

/** Sets custom properties (`--x`) through the object model, which the policy allows. */
export function vars<E extends HTMLElement | SVGElement>(
  element: E,
  values: Record<string, string | number>,
): E {
  for (const [name, value] of Object.entries(values)) element.style.setProperty(name, String(value));
  return element;
}
