import { randomFillSync } from 'node:crypto';

/** Crockford's base 32, whose order as text is its order as numbers. */
const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const timeDigits = 10;
const randomDigits = 16;

/**
 * A maker of ULIDs, each greater than the one before and than `after`, also while the clock stands still or runs back:
 * their order as text is the order in which they were made.
 */
export function ulidMaker(after = '', now: () => number = Date.now): () => string {
  const randomText = randomTexts();
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

/** Takes its bytes from a stock: asking for them costs the same, however many one wants. */
function randomTexts(): () => string {
  const stock = Buffer.alloc(randomDigits * 256);
  let used = stock.length;
  return () => {
    if (used === stock.length) {
      randomFillSync(stock);
      used = 0;
    }
    let text = '';
    for (const end = used + randomDigits; used < end; used += 1) text += digits.charAt((stock[used] ?? 0) % 32);
    return text;
  };
}

/** The next number of the same length. */
function successor(ulid: string): string {
  const tail = /[^Z]Z*$/.exec(ulid)?.[0] ?? '';
  const raised = digits.charAt(digits.indexOf(tail.charAt(0)) + 1);
  return ulid.slice(0, ulid.length - tail.length) + raised + '0'.repeat(Math.max(0, tail.length - 1));
}
