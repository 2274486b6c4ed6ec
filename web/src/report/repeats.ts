// Folds places that repeat: blocks alike in all but one number of their names are drawn once.
import type { Block } from "./types";

/** A place of the network as it is drawn: one block, or the same block of many layers. */
export interface Stop {
  /** Indices of the blocks, in the order of the forward pass. */
  at: number[];
  name: string;
}

const LEAST = 4; // repetitions: fewer are read faster one by one
const PERIOD = 8; // blocks of a layer, at most: norm, attention, norm, two linear, act, dropout

export function stops(blocks: readonly Block[]): Stop[] {
  const keys = blocks.map((block) => [block.name.replace(/\d+/g, "#"), block.kind, block.act, block.units, block.health, block.findings.length].join(" "));
  const found: Stop[] = [];
  for (let from = 0; from < blocks.length; ) {
    const [period, times] = repetition(keys, from);
    for (let i = 0; i < period; i++) {
      const at = Array.from({ length: times }, (_, j) => from + i + j * period);
      found.push({ at, name: named(at.map((k) => blocks[k]!.name)) });
    }
    from += period * times;
  }
  return found;
}

/** The period at a place that folds most blocks, and how often it comes; `[1, 1]` for none. */
function repetition(keys: readonly string[], from: number): [number, number] {
  let best: [number, number] = [1, 1];
  for (let period = 1; period <= PERIOD; period++) {
    let end = from + period;
    while (end < keys.length && keys[end] === keys[end - period]) end++;
    const times = Math.floor((end - from) / period);
    if (times >= LEAST && period * times > best[0] * best[1]) best = [period, times];
  }
  return best;
}

/** `blocks.0.act` to `blocks.59.act` as `blocks.0…59.act`. */
function named(names: readonly string[]): string {
  const [first = "", end = ""] = [names[0], names[names.length - 1]];
  if (first === end) return first;
  const others = end.split(/(\d+)/);
  return first.split(/(\d+)/).map((part, i) => (part === others[i] ? part : `${part}…${others[i]}`)).join("");
}
