import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { type Config, withLlmKeys } from '../config.ts';
import { stopChild } from '../embedded/child.ts';
import { ensureEngine } from '../embedded/ensure-engine.ts';
import {
  ensureApiKey,
  type Home,
  lockHome,
  openHome,
  removeServerInfo,
  type ServerInfo,
  writeServerInfo,
} from '../embedded/home.ts';
import { ensureInterceptor, interceptorName, interceptorPort } from '../embedded/interceptor.ts';
import { dropKeys, llmKeyNames } from '../embedded/llm-variables.ts';
import type { Progress } from '../embedded/progress.ts';
import { superviseChild } from '../embedded/supervise.ts';
import { ensureTemporal, temporalName } from '../embedded/temporal.ts';
import { ensureTemporalCli } from '../embedded/temporal-cli.ts';
import { createMetrics } from '../metrics/metrics.ts';
import { createDockerProvider } from '../sandboxes/docker/provider.ts';
import { fileBlobs } from '../store/file-blobs.ts';
import { createStore, type Store } from '../store/store.ts';
import { aborted } from './aborted.ts';
import { openMigratedDatabase } from './open-database.ts';
import { program } from './program.ts';
import { serveUp } from './up-serving.ts';

export interface UpOptions {
  readonly config: Config;
  readonly env: NodeJS.ProcessEnv;
  readonly progress: Progress;
  readonly logger: Logger;
  /** Told once, when everything serves. */
  readonly onReady: (info: ServerInfo & { readonly metrics: string }) => void;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/**
 * Everything on one machine: API and worker in this process, Temporal and the interceptor as children that outlive its
 * crash and are adopted by the next start. Returns when the signal has ended it and all that it started. What is put on
 * `held` last is let go of first.
 */
export async function runUp(options: UpOptions): Promise<void> {
  const { config, progress, logger, signal } = options;
  const env = withLlmKeys(options.env);
  await using held = new AsyncDisposableStack();
  const home = await openHome(config.homePath);
  const lock = await lockHome(config.homePath, signal);
  held.defer(() => lock.release());

  const { provider, interceptor } = await startSandboxSide({ ...options, env }, home, held);
  if (llmKeyNames(env).length > 0) {
    await lock.release();
    dropKeys(env);
  }

  const { address, uiUrl, child } = await ensureTemporal({
    home,
    env,
    signal,
    binary: async () => (await ensureTemporalCli(env, progress, signal)).path,
  });
  const watching = new AbortController();
  const watch = (watched: Parameters<typeof superviseChild>[1]) =>
    superviseChild(home, watched, (event) => logger.warn(event, `child process ${event.kind}`), watching.signal);
  const watches = [watch(interceptor.child), ...(child ? [watch(child)] : [])];
  held.defer(async () => {
    watching.abort();
    await Promise.all(watches);
    await stopChild(home, interceptorName);
    if (child) await stopChild(home, temporalName);
  });

  const metrics = createMetrics();
  const store = await openStore(options, home, metrics, held);
  await store.apiKeys.add(await ensureApiKey(home, config.apiKey), 'default', 'first');
  const server = await serveUp(
    options,
    { home, store, metrics, provider, interceptor, temporalAddress: address },
    held,
  );
  const info: ServerInfo = {
    pid: process.pid,
    url: server.url,
    temporalUi: uiUrl,
    temporalAddress: address,
    apiKeyFile: home.files.apiKey,
    startedAt: new Date().toISOString(),
  };
  await writeServerInfo(home, info);
  held.defer(() => removeServerInfo(home));
  options.onReady({ ...info, metrics: server.metrics });
  await Promise.race([server.failed, aborted(signal)]);
}

/** What sandboxes need of this machine: an engine, networks, and the interceptor on their gateways. */
async function startSandboxSide({ env, progress, logger, signal }: UpOptions, home: Home, held: AsyncDisposableStack) {
  const engine = await ensureEngine(env, progress, signal);
  const provider = createDockerProvider({
    engine: engine.address,
    installation: home.installation.id,
    interceptorPort: await interceptorPort(home),
    logger,
  });
  const { interceptorHosts } = await provider.start(signal);
  held.defer(() => provider.stop());
  const interceptor = await ensureInterceptor({ home, program, hosts: interceptorHosts, env, signal });
  return { provider, interceptor };
}

async function openStore(
  { config, logger }: UpOptions,
  home: Home,
  metrics: Registry,
  held: AsyncDisposableStack,
): Promise<Store> {
  const db = await openMigratedDatabase({ url: config.databaseUrl, home: home.path, logger, metrics });
  held.defer(() => db.destroy());
  return createStore(db, fileBlobs(join(home.path, 'blobs')));
}
