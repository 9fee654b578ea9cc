/** Lets so many units of work go on at once; who wants several gets them together, in order of arrival. */
export function limit(units: number) {
  let free = units;
  const waiting: { readonly wanted: number; readonly start: () => void }[] = [];
  const next = (): void => {
    for (let first = waiting[0]; first && first.wanted <= free; first = waiting[0]) {
      free -= first.wanted;
      waiting.shift();
      first.start();
    }
  };
  return async <T>(wanted: number, work: () => Promise<T>): Promise<T> => {
    await new Promise<void>((start) => {
      waiting.push({ wanted, start });
      next();
    });
    try {
      return await work();
    } finally {
      free += wanted;
      next();
    }
  };
}
