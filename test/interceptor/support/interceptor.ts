import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type InterceptorAdmin, interceptorAdmin } from '../../../src/interceptor/admin-client.ts';
import { type RunningInterceptor, startInterceptor } from '../../../src/interceptor/main.ts';
import type { InterceptorOptions } from '../../../src/interceptor/options.ts';
import { mintToken } from '../../../src/interceptor/tokens.ts';
import type { HarborError } from '../../../src/model/errors.ts';
import type { Grant } from '../../../src/model/grant.ts';

export const testSecret = 'c0ffee'.repeat(10);
/** Never to be seen anywhere but in an upstream's request. */
export const realKey = 'sk-real-4f1d9c';

export const never = new AbortController().signal;

export interface TestInterceptor {
  readonly directory: string;
  readonly url: string;
  readonly admin: InterceptorAdmin;
  readonly running: RunningInterceptor;
  readonly errors: readonly HarborError[];
  /** Lets an attempt live, and returns its token. */
  grant(grant?: Partial<Grant>): Promise<string>;
}

/** Has something undone at a test's end. Concurrent tests hand over their own, since the global one cannot tell them apart. */
export type AtEnd = (undo: () => Promise<void> | void) => void;

export async function temporaryFolder(atEnd: AtEnd = onTestFinished): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'harbor-interceptor-'));
  atEnd(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** An interceptor in this process, on ports of its own, that ends with the test. Without an upstream it is scripted. */
export async function startTestInterceptor(
  options: Partial<InterceptorOptions> & { readonly upstream?: string; readonly atEnd?: AtEnd } = {},
): Promise<TestInterceptor> {
  const { upstream, atEnd = onTestFinished, ...others } = options;
  const directory = options.directory ?? (await temporaryFolder(atEnd));
  const errors: HarborError[] = [];
  const running = await startInterceptor({
    directory,
    publicPort: 0,
    publicHosts: ['127.0.0.1'],
    adminPort: 0,
    installationSecret: testSecret,
    upstreams: upstream === undefined ? {} : { openai: { baseUrl: upstream, apiKey: realKey } },
    onError: (error) => errors.push(error),
    ...others,
  });
  let stopped: Promise<void> | undefined;
  const stop = () => (stopped ??= running.stop());
  atEnd(stop);
  const { publicPort, adminPort } = running.state;
  const admin = interceptorAdmin({ adminPort, installationSecret: testSecret });
  return {
    directory,
    url: `http://127.0.0.1:${publicPort}`,
    admin,
    running: { ...running, stop },
    errors,
    async grant({ rolloutId = 'rollout-1', attempt = 1, models = [], script = null, budgets } = {}) {
      await admin.grant({ rolloutId, attempt, models, script, ...(budgets && { budgets }) }, never);
      return mintToken(testSecret, rolloutId, attempt);
    },
  };
}
