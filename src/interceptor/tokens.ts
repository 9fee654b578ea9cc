import { createHmac, timingSafeEqual } from 'node:crypto';
import { attemptKey, rolloutIdPattern } from '../model/ids.ts';

/** One try of a rollout. */
export interface AttemptRef {
  readonly rolloutId: string;
  readonly attempt: number;
}

/**
 * An attempt's token: `<rollout id>.<attempt>.<HMAC-SHA256 of the two, base64url>`. Nothing else goes into it, so that
 * whoever knows the installation's secret can make it again after a crash.
 */
export function mintToken(secret: string, rolloutId: string, attempt: number): string {
  const key = attemptKey(rolloutId, attempt);
  return `${key}.${sign(secret, key)}`;
}

/** Whose token it is; undefined where this installation did not make it. Says nothing of whether the token lives. */
export function verifyToken(secret: string, token: string): AttemptRef | undefined {
  const [rolloutId = '', attemptText = '', signature = '', ...rest] = token.split('.');
  if (rest.length > 0 || !rolloutIdPattern.test(rolloutId) || !/^[1-9]\d{0,8}$/.test(attemptText)) return undefined;
  const attempt = Number(attemptText);
  return sameText(signature, sign(secret, attemptKey(rolloutId, attempt))) ? { rolloutId, attempt } : undefined;
}

/** The key to an interceptor's admin listener. No attempt's token can be it: those sign a text with a dot. */
export function adminToken(secret: string): string {
  return sign(secret, 'admin');
}

/** Compares in a time that does not tell how much of it is right. */
export function sameText(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** The installation's secret is a hex text and is used as that text, not as the bytes that it stands for. */
function sign(secret: string, text: string): string {
  return createHmac('sha256', secret).update(text).digest('base64url');
}
