// Bars: what several acts do to a normal pre, side by side.
import { number, share } from "../../lib/numbers";
import { bound } from "../acts";
import { num, type FigureData, type Kind } from "../engine";
import { flatShare, meanOf, spreadOf } from "../normal";
import { bars } from "../stage";

interface Data {
  acts: string[];
}

export function means({ data, labels, controls }: FigureData<Data>): Kind {
  return {
    read: (state) => {
      const [mu, sigma] = [num(state, "mu"), num(state, "sigma")];
      const one = (name: string): number => {
        const act = bound(name);
        if (state["column"] === "mean") return meanOf(act, mu, sigma);
        if (state["column"] === "flat") return flatShare(act, mu, sigma);
        const spread = spreadOf(act, mu, sigma);
        return state["column"] === "std" ? spread : meanOf(act, mu, sigma) / spread;
      };
      return Object.fromEntries(data.acts.map((name) => [name, one(name)]));
    },
    echo: true,
    draw: (stage, state, readings) => {
      const flat = state["column"] === "flat";
      const words = controls[0]?.options?.find(([value]) => value === state["column"])?.[1] ?? "";
      const rows = data.acts.map((name) => ({
        name: labels[name] ?? name,
        value: readings[name]!,
        tone: "a" as const,
        text: flat ? share(readings[name]!) : number(readings[name]!),
      }));
      bars(stage.inner(0), stage.width, rows, `${words}: ${rows.map((row) => `${row.name} ${row.text}`).join(", ")}`);
    },
  };
}
