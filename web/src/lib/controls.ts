// Makes the controls: sliders, choices and switches, all native elements with a label.
import { h, uid } from "./dom";
import { number } from "./numbers";

export interface Slider {
  element: HTMLElement;
  input: HTMLInputElement;
  set: (value: number) => void;
}

export function slider(options: {
  label: string;
  min: number;
  max: number;
  step: number;
  value: number;
  format?: (value: number) => string;
  onInput: (value: number) => void;
}): Slider {
  const id = uid("slider");
  const format = options.format ?? number;
  const { min, max, step } = options;
  const input = h("input", { type: "range", id, min, max, step });
  const output = h("output", { for: id });
  const show = (): void => {
    output.textContent = format(Number(input.value));
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.value = String(options.value);
  input.addEventListener("input", () => {
    show();
    options.onInput(Number(input.value));
  });
  show();
  const set = (value: number): void => {
    input.value = String(value);
    show();
  };
  return { element: h("div", { class: "slider" }, h("label", { for: id }, options.label), input, output), input, set };
}

/** One of several, side by side; arrow keys move between them. */
export function choice<T extends string>(options: {
  label: string;
  values: readonly (readonly [value: T, text: string])[];
  value: T;
  onChange: (value: T) => void;
}): HTMLElement {
  const name = uid("choice");
  return h(
    "fieldset",
    { class: "choice" },
    h("legend", {}, options.label),
    options.values.map(([value, text]) => {
      const input = h("input", { type: "radio", name, value });
      input.checked = value === options.value;
      input.addEventListener("change", () => input.checked && options.onChange(value));
      return h("label", {}, input, h("span", {}, text));
    }),
  );
}

/** One of many, from a list. */
export function menu<T extends string>(options: {
  label: string;
  values: readonly (readonly [value: T, text: string])[];
  value: T;
  onChange: (value: T) => void;
}): HTMLElement {
  const id = uid("menu");
  const select = h(
    "select",
    { id },
    options.values.map(([value, text]) => h("option", { value, selected: value === options.value }, text)),
  );
  select.addEventListener("change", () => options.onChange(select.value as T));
  return h("div", { class: "menu" }, h("label", { for: id }, options.label), select);
}

export function toggle(options: {
  label: string;
  value: boolean;
  onChange: (value: boolean) => void;
}): HTMLElement {
  const input = h("input", { type: "checkbox" });
  input.checked = options.value;
  input.addEventListener("change", () => options.onChange(input.checked));
  return h("label", { class: "toggle" }, input, h("span", {}, options.label));
}
