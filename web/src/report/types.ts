// The data that src/relume/report/html/report_data.py writes for the page.
import type { Health } from "../lib/icons";
import type { Raw } from "../lib/series";

export interface Report {
  kind: "report";
  version: number;
  runs: Run[];
  pages: Record<string, { code: string; summary: string; sections: [string, string[]][] }>;
  curves: Curves;
  trials: Trial[];
  differences: Record<"first" | "second" | "both", [string, string, string][]> | null;
  live?: { every: number };
}
export interface Curves {
  z: [number, number, number];
  acts: Record<string, { value: number[]; slope: number[]; low: number | null; high: number | null }>;
}
export interface Run {
  name: string;
  state: "ended" | "training" | "lost";
  /** The command that cures this run, to be pasted; empty where it was no script. */
  fix: string;
  about: [string, string][];
  verdict: { kind: "sick" | "fine" | "unknown"; claim: string; outcome: string };
  numbers: Record<string, number | string>;
  roots: number[];
  hero: { figure: string; finding: number | null; step?: number; rows?: [string, number][] };
  blocks: Block[];
  weights: { name: string; block: number | null; series: Record<string, Raw> }[];
  run: { loss?: Raw; rate?: Raw };
  events: { step: number; text: string; tone: Health; block: number | null }[];
  findings: Finding[];
  story: Branch[];
  notes: Branch[];
  ruled_out: [string, string, string][];
  checked: [string, string, string][];
  not_checked: { rules: string[]; sites: string[]; reason: string; remedy: string }[];
  silenced: [string, string, string, string][];
  grids: number[][];
}
export interface Block {
  name: string;
  layer: string;
  kind: "input" | "layer" | "act" | "head";
  act: string;
  role: string;
  units: number;
  place: string;
  health: Health;
  affected: string;
  findings: number[];
  series: Record<string, Raw>;
  spread?: Spread[];
}
export interface Spread {
  steps: [number, number];
  samples: number;
  units: number;
  left_out: number;
  rows: [number, number, number][];
}
export interface Finding {
  code: string;
  rule: string;
  title: string;
  severity: Health;
  was: string;
  site: string;
  layer: string;
  block: number | null;
  place: string;
  source: string;
  steps: [number, number];
  cleared: boolean;
  message: string;
  cure: string;
  stat: string;
  value: number | string;
  limit: number | string | null;
  samples: number;
  more: [string, string][];
  curve: Raw;
  explains: number[];
  explained_by: number[];
}
export interface Branch {
  finding: number;
  below: Branch[];
}
export interface Shot {
  seed: number;
  value: number | string | null;
  diverged: boolean;
  problem: string;
}
export interface Arm {
  name: string;
  role: string;
  edits: string[];
  word: string;
  text: string;
  fresh: boolean;
  more_seeds: number | null;
  new_findings: string[];
  effect: { mean: number; low: number; high: number; p: number; level: number; wins: number; pairs: number; diverged: [number, number] } | null;
  shots: Shot[];
  pairs: [number, number][];
}
export interface Trial {
  question: string;
  objective: { name: string; better: string };
  base: { name: string; values: Shot[] };
  arms: Arm[];
}
