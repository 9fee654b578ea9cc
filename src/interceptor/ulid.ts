import { randomBytes } from 'node:crypto';

/** Crockford's base 32, whose order as text is its order as numbers. */
const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const timeDigits = 10;
const randomDigits = 16;

/**
 * A maker of ULIDs, each greater than the one before and than `after`, also while the clock stands still or runs back:
 * their order as text is the order in which they were made.
 */
export function ulidMaker(after = '', now: () => number = Date.now): () => string {
  let last = after;
  return () => {
    const fresh = encodeTime(now()) + randomText();
    last = fresh > last ? fresh : successor(last);
    return last;
  };
}

function encodeTime(ms: number): string {
  let text = '';
  for (let rest = ms; text.length < timeDigits; rest = Math.floor(rest / 32)) text = digits.charAt(rest % 32) + text;
  return text;
}

function randomText(): string {
  return Array.from(randomBytes(randomDigits), (byte) => digits.charAt(byte % 32)).join('');
}

/** The next number of the same length. */
function successor(ulid: string): string {
  const tail = /[^Z]Z*$/.exec(ulid)?.[0] ?? '';
  const raised = digits.charAt(digits.indexOf(tail.charAt(0)) + 1);
  return ulid.slice(0, ulid.length - tail.length) + raised + '0'.repeat(Math.max(0, tail.length - 1));
}
