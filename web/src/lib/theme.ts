// Switches between light and dark: the system's choice until the reader makes one.
import { h } from "./dom";

const KEY = "relume-theme";
const listeners = new Set<() => void>();
const system = matchMedia("(prefers-color-scheme: dark)");

export function dark(): boolean {
  const chosen = document.documentElement.dataset["theme"];
  return chosen ? chosen === "dark" : system.matches;
}

/** Calls back whenever the colours change; for what is not drawn by CSS alone. */
export function onTheme(listener: () => void): void {
  listeners.add(listener);
}

/** The value of a colour token (`"--ink"`) as it is now. */
export function token(name: string, at: Element = document.documentElement): string {
  return getComputedStyle(at).getPropertyValue(name).trim();
}

function told(): void {
  for (const listener of listeners) listener();
}

system.addEventListener("change", told);

function stored(value?: string): string | null {
  try {
    if (value !== undefined) localStorage.setItem(KEY, value);
    return localStorage.getItem(KEY);
  } catch {
    return null; // a page opened from the file system may have no storage
  }
}

function use(theme: string | null): void {
  if (theme === "light" || theme === "dark") document.documentElement.dataset["theme"] = theme;
}

/** A button that switches between light and dark, and remembers it. */
export function themeButton(): HTMLButtonElement {
  use(stored());
  const label = (): string => (dark() ? "Light colours" : "Dark colours");
  const button = h("button", { type: "button", class: "theme-button", title: label() });
  const show = (): void => {
    button.setAttribute("aria-label", label());
    button.title = label();
    button.textContent = dark() ? "☀" : "☾";
  };
  button.addEventListener("click", () => {
    const theme = dark() ? "light" : "dark";
    use(theme);
    stored(theme);
    told();
  });
  onTheme(show);
  show();
  return button;
}
