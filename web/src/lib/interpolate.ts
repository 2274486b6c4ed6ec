// Interpolates numbers, which is all that d3-scale needs of d3-interpolate here: the packages that
// read colours are a tenth of the bundle, so build.mjs puts this file in their place.
export function interpolateNumber(a: number, b: number): (t: number) => number {
  const [from, to] = [Number(a), Number(b)];
  return (t) => from * (1 - t) + to * t;
}

export function interpolateRound(a: number, b: number): (t: number) => number {
  const between = interpolateNumber(a, b);
  return (t) => Math.round(between(t));
}

export const interpolate = interpolateNumber;

/** Named by a scale that nothing here uses; it does not end up in the bundle. */
export const piecewise = interpolateNumber;
