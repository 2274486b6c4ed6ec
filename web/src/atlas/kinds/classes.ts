// Three logits, their softmax, the loss and its gradient; once, or by mistake twice.
import { number } from "../../lib/numbers";
import type { Point } from "../../lib/plot";
import { num, type FigureData, type Kind } from "../engine";
import { bars } from "../stage";

function softmax(z: number[]): number[] {
  const most = Math.max(...z);
  const parts = z.map((v) => Math.exp(v - most));
  const sum = parts.reduce((a, b) => a + b, 0);
  return parts.map((v) => v / sum);
}

export function classes(_: FigureData): Kind {
  return {
    read: (state) => {
      const heat = num(state, "heat");
      const z = ["a", "b", "c"].map((name) => num(state, name) / heat);
      const p = softmax(z);
      const twice = state["twice"] === "yes";
      const q = twice ? softmax(p) : p;
      const pulls = q.map((v, i) => v - (i === 0 ? 1 : 0)); // on what the loss was given
      const first = p[0]!;
      const through = pulls.reduce((sum, pull, i) => sum + pull * (i === 0 ? first * (1 - first) : -first * p[i]!), 0);
      return {
        p0: first, p1: p[1]!, p2: p[2]!, sum: p[0]! + p[1]! + p[2]!,
        loss: -Math.log(q[0]!), pull: (twice ? through : pulls[0]!) / heat,
      };
    },
    draw: (stage, state, readings) => {
      const rows = ["A", "B", "C"].map((name, i) => ({
        name: i === 0 ? `${name}, the true class` : name, value: readings[`p${i}`]!,
        tone: i === 0 ? ("accent" as const) : ("a" as const), text: number(readings[`p${i}`]!),
      }));
      bars(stage.inner(0), stage.width, rows, `Probabilities: ${rows.map((row) => `${row.name} ${row.text}`).join(", ")}`, [0, 1]);
      const heat = num(state, "heat");
      const others = ["b", "c"].map((name) => num(state, name) / heat);
      const xs = Array.from({ length: 201 }, (_, i) => -10 + i / 10);
      const loss = (a: number, twice: boolean): number => {
        const p = softmax([a / heat, ...others]);
        return -Math.log((twice ? softmax(p) : p)[0]!);
      };
      const twice = state["twice"] === "yes";
      const [a, now] = [num(state, "a"), readings["loss"]!];
      stage.plot(1, {
        x: { label: "logit of A", domain: [-10, 10] },
        y: { label: "loss when A is true", domain: [0, Math.max(4, Math.min(12, 1.15 * now))] },
        height: stage.tall(330),
        marks: [
          { kind: "line", name: "softmax twice", tone: "error", dashed: !twice, faint: !twice, points: xs.map((x): Point => [x, loss(x, true)]), label: "twice" },
          { kind: "line", name: "softmax once", tone: "a", dashed: twice, faint: twice, points: xs.map((x): Point => [x, loss(x, false)]), label: "once" },
          { kind: "dots", name: "now", tone: "accent", size: 6, points: [[a, now]] },
        ],
        summary: `The loss over A's logit, with one softmax and with two; at ${number(a)} it is ${number(now)}, its gradient ${number(readings["pull"]!)}.`,
      });
    },
  };
}
