// Writes numbers as a person does, in the words that report/words/sanitise.py uses in the terminal.

/** Three significant digits, or all of a whole number: 0.523, 0.99992, 30,000, 1.5e-7. */
export function number(value: number): string {
  if (Number.isNaN(value)) return "not a number";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return signed(value.toLocaleString("en-US"));
  const size = Math.abs(value);
  const rounded = Number(value.toPrecision(3));
  if (Math.abs(rounded) === 1 && size < 1) return signed(String(Number(value.toPrecision(6))));
  if (size >= 1e4 || size < 1e-4) {
    const [mantissa, exponent] = value.toExponential(2).split("e") as [string, string];
    return signed(`${Number(mantissa)}e${Number(exponent)}`);
  }
  if (size >= 1000) return signed(Math.round(value).toLocaleString("en-US"));
  return signed(String(rounded));
}

function signed(text: string): string {
  return text.replace(/-/g, "−"); // a true minus sign, in the exponent too
}

/** A share in [0, 1] as a percentage: 0.83 %. */
export function share(value: number): string {
  return `${number(100 * value)} %`;
}

/** A power of ten for an axis: 10⁻³. */
export function power(exponent: number): string {
  if (exponent === 0) return "1";
  const digits = "⁰¹²³⁴⁵⁶⁷⁸⁹";
  const raised = [...String(Math.abs(exponent))].map((digit) => digits[Number(digit)]).join("");
  return `10${exponent < 0 ? "⁻" : ""}${raised}`;
}

/** A noun with its number: 1 record, 2 records. */
export function count(many: number, one: string, several = `${one}s`): string {
  return `${many.toLocaleString("en-US")} ${many === 1 ? one : several}`;
}

/** The steps for which something holds. */
export function span(first: number, last: number): string {
  const a = first.toLocaleString("en-US");
  return first === last ? `step ${a}` : `steps ${a} to ${last.toLocaleString("en-US")}`;
}

/** Seconds as a person says them. */
export function duration(seconds: number): string {
  if (seconds < 1) return `${Math.round(1000 * seconds)} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(Math.round(seconds) / 60);
  const rest = Math.round(seconds) % 60;
  if (minutes < 60) return `${minutes} min ${String(rest).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}
