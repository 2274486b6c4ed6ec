// A button that puts a text on the clipboard and says so.
import { h } from "./dom";

export function copyButton(label: string, text: () => string): HTMLButtonElement {
  const button = h("button", { type: "button", class: "quiet copy" }, label);
  const said = (words: string): void => {
    button.textContent = words;
    setTimeout(() => (button.textContent = label), 1600);
  };
  button.addEventListener("click", () => {
    // a page that is no secure context has no clipboard
    const done = navigator.clipboard?.writeText(text()) ?? Promise.reject();
    done.then(() => said("Copied"), () => said(byHand(text()) ? "Copied" : "Not allowed here"));
  });
  return button;
}

function byHand(text: string): boolean {
  const area = h("textarea", { class: "sr-only", "aria-hidden": "true" });
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}
