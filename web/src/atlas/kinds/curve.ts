// An act's curve and slope: a point that slides along it, and a normal pre that feeds it.
import { around, type Mark, type Point } from "../../lib/plot";
import { number, share } from "../../lib/numbers";
import { bound, called } from "../acts";
import { num, type FigureData, type Kind, type State } from "../engine";
import { flats, flatShare, meanOf, spreadOf } from "../normal";

interface Data {
  acts: string[];
}
const REACH = 8;

export function curve({ data }: FigureData<Data>): Kind {
  const actOf = (state: State) => bound(String(state["act"] ?? data.acts[0]), state);
  return {
    read: (state) => {
      const act = actOf(state);
      const [z, sigma] = [num(state, "z"), num(state, "sigma")];
      return {
        value: act.value(z),
        slope: act.slope(z),
        share: act.slope(z) / act.most,
        flat: flatShare(act, z, sigma),
        mean: meanOf(act, z, sigma),
        std: spreadOf(act, z, sigma),
      };
    },
    draw: (stage, state, readings, move) => {
      const act = actOf(state);
      const [z, sigma] = [num(state, "z"), num(state, "sigma")];
      const xs = line(act.kinks);
      const [low, high] = around([...xs.filter((x) => Math.abs(x) <= 4).map(act.value), ...xs.map(act.slope), act.value(z)]);
      const domain: [number, number] = [Math.max(low, -9), Math.min(high, 9)];
      const tall = domain[1] - domain[0];
      const density = xs.map((x): [number, number, number] => [
        x, domain[0], domain[0] + 0.22 * tall * Math.exp(-(((x - z) / sigma) ** 2) / 2),
      ]);
      const s = act.slope(z);
      const reach = Math.min(1.6, (0.22 * tall) / Math.max(Math.abs(s), 1e-9));
      const tangent: Point[] = [[z - reach, act.value(z) - s * reach], [z + reach, act.value(z) + s * reach]];
      const marks: Mark[] = [
        ...flats(act).map(([from, to]): Mark => ({
          kind: "zone", axis: "x", from: Math.max(from, -REACH), to: Math.min(to, REACH), tone: "error",
          ...(Math.min(to, REACH) - Math.max(from, -REACH) > 2.2 ? { label: "flat" } : {}),
        })),
        { kind: "rule", axis: "y", at: 0, tone: "muted" },
        { kind: "band", name: "pre", points: density, tone: "muted" },
        { kind: "line", name: "slope f′", points: xs.map((x): Point => [x, act.slope(x)]), tone: "b", dashed: true, label: "slope" },
        { kind: "line", name: "f", points: xs.map((x): Point => [x, act.value(x)]), tone: "a", label: called(act.name) },
        { kind: "line", name: "tangent", points: tangent, tone: "accent", mute: true },
      ];
      const { place, left, top } = stage.plot(0, {
        x: { label: "z, the pre", domain: [-REACH, REACH] },
        y: { label: "f(z) and its slope", domain },
        marks, height: stage.tall(460), still: true,
        summary: `${called(act.name)}: at z = ${number(z)} the value is ${number(readings["value"]!)} and the slope ${number(s)}, ${share(readings["share"]!)} of the largest.`,
      });
      const set = (value: number): void => move({ z: Math.round(20 * Math.max(-REACH, Math.min(REACH, value))) / 20 });
      stage.handle(0, "z", {
        label: "z, along the curve", value: z, text: `z ${number(z)}, slope ${number(s)}`,
        x: left + place.x(z), y: top + Math.max(0, Math.min(place.height, place.y(act.value(z)))),
        onMove: (x) => set(place.x.invert(x - left)),
        onKey: (across, up, big) => set(z + (across + up) * (big ? 1 : 0.05)),
      });
    },
    table: (state) => {
      const act = actOf(state);
      const zs = [-8, -6, -4, -3, -2, -1, -0.5, 0, 0.5, 1, 2, 3, 4, 6, 8];
      return { columns: ["z", "f(z)", "slope"], rows: zs.map((z) => [number(z), number(act.value(z)), number(act.slope(z))]) };
    },
  };
}

/** Where a curve is drawn: evenly, and on both sides of its kinks. */
export function line(kinks: readonly number[], reach = REACH): number[] {
  const found = Array.from({ length: 321 }, (_, i) => -reach + (2 * reach * i) / 320);
  for (const kink of kinks) found.push(kink - 1e-9, kink + 1e-9);
  return found.sort((a, b) => a - b);
}
