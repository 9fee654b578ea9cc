/** What a batch's rewards come to, from sums that the store makes. */

/** The rewards of one seed under one policy. */
export interface SeedRewards {
  readonly policy: number;
  readonly seed: number | null;
  /** How many have a reward. */
  readonly scored: number;
  readonly sum: number;
  /** How many rewards reach the threshold for a pass. */
  readonly passed: number;
}

export interface Mean {
  readonly mean: number | null;
  /** Bounds of the 95 % interval; null where fewer than two seeds have rewards. */
  readonly low: number | null;
  readonly high: number | null;
}

/**
 * The mean of all rewards, with the 95 % interval of Student clustered by seed: samples of one seed are not independent, so the
 * spread between seeds is what counts. The standard error is that of a ratio of sums (linearized), so that seeds with more
 * rewards weigh more, as they do in the mean itself.
 */
export function clusteredMean(groups: readonly SeedRewards[]): Mean {
  const seeds = new Map<number | null, { scored: number; sum: number }>();
  for (const { seed, scored, sum } of groups) {
    if (scored === 0) continue;
    const before = seeds.get(seed) ?? { scored: 0, sum: 0 };
    seeds.set(seed, { scored: before.scored + scored, sum: before.sum + sum });
  }
  const clusters = [...seeds.values()];
  const scored = clusters.reduce((total, cluster) => total + cluster.scored, 0);
  if (scored === 0) return { mean: null, low: null, high: null };
  const mean = clusters.reduce((total, cluster) => total + cluster.sum, 0) / scored;
  const count = clusters.length;
  if (count < 2) return { mean, low: null, high: null };
  const squares = clusters.reduce((total, cluster) => total + (cluster.sum - mean * cluster.scored) ** 2, 0);
  const half = (studentQuantile(count - 1) * Math.sqrt((count / (count - 1)) * squares)) / scored;
  return { mean, low: mean - half, high: mean + half };
}

/** Whether at least one of `k` samples passes, drawn without putting back from `n` of which `c` passed (Chen et al. 2021). */
export function passAtK(n: number, c: number, k: number): number {
  if (n - c < k) return 1;
  let none = 1;
  for (let i = 0; i < k; i += 1) none *= (n - c - i) / (n - i);
  return 1 - none;
}

/** pass@k of one policy for k = 1, 2, 4, … : the mean over the seeds that have k rewards; a k that no seed has is left out. */
export function passRates(groups: readonly SeedRewards[]): Record<string, number> {
  const most = groups.reduce((largest, { scored }) => Math.max(largest, scored), 0);
  const rates: [string, number][] = [];
  for (let k = 1; k <= most; k *= 2) {
    const able = groups.filter(({ scored }) => scored >= k);
    const sum = able.reduce((total, { scored, passed }) => total + passAtK(scored, passed, k), 0);
    rates.push([String(k), sum / able.length]);
  }
  return Object.fromEntries(rates);
}

const smallSamples = [
  12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.306, 2.2622, 2.2281, 2.201, 2.1788, 2.1604, 2.1448, 2.1314,
  2.1199, 2.1098, 2.1009, 2.093, 2.086,
];

/** The 97.5 % quantile of Student's t. Beyond the table by Cornish and Fisher's expansion, good to four digits there. */
export function studentQuantile(degrees: number): number {
  const z = 1.959964;
  const expanded = z + (z ** 3 + z) / (4 * degrees) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * degrees ** 2);
  return smallSamples[degrees - 1] ?? expanded;
}
