/** What is out of time by the clock may have ended in time, with nobody there to see it: so many milliseconds it is looked at. */
export const leastLookMs = 1000;

/** Milliseconds of `seconds` that are left since then, whoever followed meanwhile; `notCounted` of them do not count. Null: it begins now. */
export function millisecondsLeft(seconds: number, since: Date | null, notCounted: number): number {
  const used = Date.now() - (since?.getTime() ?? Date.now()) - notCounted;
  return Math.ceil(seconds * 1000 - used);
}
