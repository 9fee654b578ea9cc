/** Numbers as people read them. Everything is written the same way, whatever the machine's language. */

/** `0.4 s`, `12 s`, `3 min 04 s`, `1 h 02 min`; `-` where there is none. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return '-';
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${twoDigits(whole % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${twoDigits(minutes % 60)} min`;
}

/** `9,812`. */
export function count(value: number): string {
  return value.toLocaleString('en-GB');
}

/** `1 file`, `9,812 files`. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** `7 calls`, `1 call, 1 more refused`. */
export function callCount(usage: { readonly llm_calls: number; readonly refused_calls: number }, one: string): string {
  const refused = usage.refused_calls > 0 ? `, ${count(usage.refused_calls)} more refused` : '';
  return counted(usage.llm_calls, one) + refused;
}

/** US dollars; four decimals below a dollar, since a call costs parts of a cent. Unknown prices are not 0. */
export function money(usd: number | null): string {
  if (usd === null) return 'unknown';
  return usd !== 0 && usd < 1 ? `$${usd.toFixed(4)}` : `$${usd.toFixed(2)}`;
}

/** `17.1 kB`: powers of 1000. */
export function size(bytes: number): string {
  for (const [unit, scale] of [
    ['GB', 1e9],
    ['MB', 1e6],
    ['kB', 1e3],
  ] as const) {
    if (bytes >= scale) return `${(bytes / scale).toFixed(1)} ${unit}`;
  }
  return counted(bytes, 'byte');
}

/** A reward with three decimals at most; `-` where there is none, which is not 0. */
export function reward(value: number | null | undefined): string {
  return value === null || value === undefined ? '-' : String(Math.round(value * 1000) / 1000);
}

/** A moment as the reader's own clock shows it: `14:02:07`. */
export function clock(timestamp: string): string {
  return new Date(timestamp).toLocaleTimeString('en-GB');
}

/** `2026-11-23 14:02`, by the reader's own clock. */
export function moment(timestamp: string): string {
  const date = new Date(timestamp);
  const day = [date.getFullYear(), twoDigits(date.getMonth() + 1), twoDigits(date.getDate())].join('-');
  return `${day} ${clock(timestamp).slice(0, 5)}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
