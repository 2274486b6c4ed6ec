// Three logits, their softmax, the loss and its gradient; once, or by mistake twice.
import { number } from "../../lib/numbers";
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
      const twice = state["twice"] === "yes";
      const steep = [
        { name: "loss", value: readings["loss"]!, tone: twice ? ("error" as const) : ("c" as const), text: number(readings["loss"]!) },
        { name: "gradient on A", value: Math.abs(readings["pull"]!), tone: twice ? ("error" as const) : ("c" as const), text: number(readings["pull"]!) },
      ];
      bars(stage.inner(1), stage.width, steep, "Loss and the size of the gradient on A's logit", [0, 2]);
    },
  };
}
