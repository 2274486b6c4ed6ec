// Draws the random numbers of src/relume/atlas/portable_random.py: mulberry32, then Box and Muller.

export function uniforms(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export function normals(seed: number): () => number {
  const source = uniforms(seed);
  return () => {
    const radius = Math.sqrt(-2 * Math.log(1 - source()));
    return radius * Math.cos(2 * Math.PI * source());
  };
}
