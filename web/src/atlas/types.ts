// The type that the acts and the integrals over them share.

/** An act at its parameters. */
export interface Bound {
  name: string;
  value: (z: number) => number;
  slope: (z: number) => number;
  most: number;
  kinks: number[];
}
