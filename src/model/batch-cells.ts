/** The seeds of a batch, kept as short as they were named. */
export type Seeds = { readonly list: readonly (number | null)[] } | { readonly from: number; readonly count: number };

/** How many of everything: the planned rollouts of a batch follow from it and are written down nowhere else. */
export interface Grid {
  readonly seeds: Seeds;
  readonly samples: number;
  readonly policies: number;
}

/** One planned rollout of a batch. */
export interface Cell {
  readonly index: number;
  readonly seed: number | null;
  /** From 0. */
  readonly sample: number;
  /** Index of its policy. */
  readonly policy: number;
}

export const seedCount = (seeds: Seeds): number => ('list' in seeds ? seeds.list.length : seeds.count);

export const cellCount = ({ seeds, samples, policies }: Grid): number => seedCount(seeds) * samples * policies;

/**
 * The cell of an index from 0. Every seed gets its first sample, of all policies, before any gets its second: what a batch has
 * come to half-way is then a fair picture of the whole.
 */
export function cellAt({ seeds, samples, policies }: Grid, index: number): Cell {
  const place = Math.floor(index / policies);
  const count = seedCount(seeds);
  const position = place % count;
  const sample = Math.floor(place / count);
  if (sample >= samples) throw new RangeError(`a batch of ${count * samples * policies} has no cell ${index}`);
  const seed = 'list' in seeds ? (seeds.list[position] ?? null) : seeds.from + position;
  return { index, seed, sample, policy: index % policies };
}
