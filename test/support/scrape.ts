/** A scrape of a real process, read as Prometheus reads it. */
export interface Scrape {
  readonly text: string;
  /** Sum of all series of that name whose labels hold these. */
  sum(name: string, labels?: Readonly<Record<string, string>>): number;
  /** Names of all labels with the values that they have. */
  labels(): ReadonlyMap<string, ReadonlySet<string>>;
}

export async function scrape(url: string): Promise<Scrape> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return readScrape(await response.text());
}

export function readScrape(text: string): Scrape {
  const series = text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name = '', inner = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      const labels = new Map<string, string>();
      for (const [, key = '', held = ''] of inner.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) labels.set(key, held);
      return { name, labels, value: Number(value) };
    });
  return {
    text,
    sum: (name, wanted = {}) =>
      series
        .filter(
          (one) => one.name === name && Object.entries(wanted).every(([key, held]) => one.labels.get(key) === held),
        )
        .reduce((sum, { value }) => sum + value, 0),
    labels() {
      const all = new Map<string, Set<string>>();
      for (const { labels } of series) {
        for (const [key, held] of labels) all.set(key, (all.get(key) ?? new Set()).add(held));
      }
      return all;
    },
  };
}
