// Keeps the state of a page in its address (`#site=3&run=1`), so that a link shows the same again.

export type State = Record<string, string>;

export function state(): State {
  try {
    return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  } catch {
    return {};
  }
}

/** Writes some entries; an empty one is taken away. The page is not scrolled, nothing is pushed. */
export function remember(entries: State): void {
  const all = new URLSearchParams(location.hash.slice(1));
  for (const [name, value] of Object.entries(entries)) {
    if (value === "") all.delete(name);
    else all.set(name, value);
  }
  try {
    history.replaceState(null, "", `#${all.toString()}`);
  } catch {
    // a sandboxed frame has no history of its own
  }
}
