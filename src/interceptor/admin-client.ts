import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { HarborError, errorText } from '../model/errors.ts';
import { type Grant, type Revocation, revocationSchema } from '../model/grant.ts';
import { parseJson, tryParseJson } from '../model/json.ts';
import { adminToken } from './tokens.ts';

const healthSchema = z.object({
  pid: z.int(),
  mode: z.enum(['live', 'scripted']),
  publicPort: z.int(),
  /** Addresses on which it listens, and those that this machine does not have yet. */
  hosts: z.array(z.string()),
  missingHosts: z.array(z.string()),
  openCalls: z.int(),
  isDrained: z.boolean(),
  memoryBytes: z.int(),
  cpuSeconds: z.number(),
  /** Everything that was recorded so far lies before this place. */
  journal: z.string(),
  offset: z.int().nonnegative(),
});
type InterceptorHealth = z.infer<typeof healthSchema>;

/** An interceptor's admin side. Every method waits up to 60 s for one that is being restarted. */
export interface InterceptorAdmin {
  /** Lets the attempt's token live. Idempotent. Throws `internal` where the attempt was revoked: that is for ever. */
  grant(grant: Grant, signal: AbortSignal): Promise<void>;
  /** Kills the token for ever and cuts what is streaming. Idempotent; everything the attempt did lies before the place. */
  revoke(rolloutId: string, attempt: number, signal: AbortSignal): Promise<Revocation>;
  /** Lets what it was told hold until a moment of the machine's monotonic clock. */
  renewLease(untilMs: number, signal: AbortSignal): Promise<void>;
  /** That calls of other interceptors wait for room in these budgets: it gives back what it can spare. */
  wantedBack(budgets: readonly string[], signal: AbortSignal): Promise<void>;
  /** From here on it takes no new connection, and goes on with the calls that are open. Idempotent; answers how it is. */
  drain(signal: AbortSignal): Promise<InterceptorHealth>;
  health(signal: AbortSignal): Promise<InterceptorHealth>;
}

export interface AdminClientOptions {
  readonly adminPort: number;
  readonly installationSecret: string;
  /** Milliseconds. Default 60,000. */
  readonly patienceMs?: number;
}

const firstPauseMs = 50;
const longestPauseMs = 2000;

interface Reply {
  readonly status: number;
  readonly body: string;
}

export function interceptorAdmin(options: AdminClientOptions): InterceptorAdmin {
  const call = (method: string, path: string, body: string | undefined, signal: AbortSignal) =>
    patiently(options, () => send(options, method, path, body, signal), signal);
  return {
    async grant(grant, signal) {
      await call('PUT', '/grants', JSON.stringify(grant), signal);
    },
    async revoke(rolloutId, attempt, signal) {
      const path = `/grants/${encodeURIComponent(rolloutId)}/${attempt}`;
      return parseJson(await call('DELETE', path, undefined, signal), revocationSchema, 'revocation');
    },
    async renewLease(untilMs, signal) {
      await call('PUT', '/lease', JSON.stringify({ untilMs }), signal);
    },
    async wantedBack(budgets, signal) {
      await call('PUT', '/budgets/wanted', JSON.stringify({ budgets }), signal);
    },
    async drain(signal) {
      return parseJson(await call('PUT', '/drain', undefined, signal), healthSchema, 'health');
    },
    async health(signal) {
      return parseJson(await call('GET', '/healthz', undefined, signal), healthSchema, 'health');
    },
  };
}

/** All requests are idempotent, so a broken connection is no reason to ask what became of one. */
async function patiently(
  { adminPort, patienceMs = 60_000 }: AdminClientOptions,
  attempt: () => Promise<Reply>,
  signal: AbortSignal,
): Promise<string> {
  const deadline = performance.now() + patienceMs;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
    const outcome = await attempt().catch((error: unknown) => {
      signal.throwIfAborted();
      return toError(error);
    });
    if (!(outcome instanceof Error) && outcome.status !== 503) return accept(outcome);
    if (performance.now() + pauseMs > deadline) {
      throw new HarborError('internal', `the interceptor does not answer on 127.0.0.1:${adminPort}`, {
        cause: outcome instanceof Error ? outcome : undefined,
        outage: 'away',
        remedy: 'Look into its log in the data folder; `harbor up` starts it again.',
      });
    }
    await sleep(pauseMs, undefined, { signal });
  }
}

function accept({ status, body }: Reply): string {
  if (status === 200) return body;
  const detail = tryParseJson(body, z.object({ detail: z.string() }))?.detail ?? 'no reason given';
  throw new HarborError('internal', `the interceptor refused (${status}): ${detail}`);
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(errorText(error));
}

async function send(
  { adminPort, installationSecret }: AdminClientOptions,
  method: string,
  path: string,
  body: string | undefined,
  signal: AbortSignal,
): Promise<Reply> {
  const headers = { authorization: `Bearer ${adminToken(installationSecret)}` };
  const response = await fetch(`http://127.0.0.1:${adminPort}${path}`, {
    method,
    headers,
    signal,
    ...(body && { body }),
  });
  return { status: response.status, body: await response.text() };
}
