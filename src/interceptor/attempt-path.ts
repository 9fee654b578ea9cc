import type { AttemptRef } from './tokens.ts';

/** Of `/grants/<rollout>/<attempt>`, by which supervisor and interceptor speak of an attempt. */
export function attemptOfPath(path: string): AttemptRef | undefined {
  const [, rolloutId, attempt] = /^\/grants\/([^/]+)\/([1-9]\d*)$/.exec(path) ?? [];
  return rolloutId === undefined ? undefined : { rolloutId: decodeURIComponent(rolloutId), attempt: Number(attempt) };
}
