import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import type { Logger } from 'pino';
import type { AttemptGate } from '../activities/deps.ts';
import { agentRegistry } from '../agents/registry.ts';
import { createApi } from '../api/app.ts';
import type { Config } from '../config.ts';
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
import { interceptorAdmin } from '../interceptor/admin-client.ts';
import { journalDirectory } from '../interceptor/main.ts';
import { Projector } from '../interceptor/projector.ts';
import { mintToken } from '../interceptor/tokens.ts';
import { capacityOf } from '../model/capacity.ts';
import { createDockerProvider } from '../sandboxes/docker/provider.ts';
import type { SandboxProvider } from '../sandboxes/provider.ts';
import { fileBlobs } from '../store/file-blobs.ts';
import { createStore, type Store } from '../store/store.ts';
import { aborted } from './aborted.ts';
import { closed, listen } from './listen.ts';
import { openMigratedDatabase } from './open-database.ts';
import { program } from './program.ts';
import { pauseSandboxes, removeUsedSandboxes, resumeSandboxes } from './sandboxes-at-rest.ts';
import { prepareTemporal } from './temporal-setup.ts';
import { startRolloutWorker } from './rollout-worker.ts';
import { installTemporalLogger } from './worker.ts';

export interface UpOptions {
  readonly config: Config;
  readonly env: NodeJS.ProcessEnv;
  readonly progress: Progress;
  readonly logger: Logger;
  /** Told once, when everything serves. */
  readonly onReady: (info: ServerInfo) => void;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/**
 * Everything on one machine: API and worker in this process, Temporal and the interceptor as children that outlive its
 * crash and are adopted by the next start. Returns when the signal has ended it and all that it started. What is put on
 * `held` last is let go of first.
 */
export async function runUp(options: UpOptions): Promise<void> {
  const { config, env, progress, logger, signal } = options;
  await using held = new AsyncDisposableStack();
  const home = await openHome(config.homePath);
  const lock = await lockHome(config.homePath, signal);
  held.defer(() => lock.release());

  const { provider, interceptor } = await startSandboxSide(options, home, held);
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

  const store = await openStore(options, home, held);
  await store.apiKeys.add(await ensureApiKey(home, config.apiKey), 'default', 'first');
  const server = await serve(options, { home, store, provider, interceptor, temporalAddress: address }, held);
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
  options.onReady(info);
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

async function openStore({ config, logger }: UpOptions, home: Home, held: AsyncDisposableStack): Promise<Store> {
  const db = await openMigratedDatabase({ url: config.databaseUrl, home: home.path, logger });
  held.defer(() => db.destroy());
  return createStore(db, fileBlobs(join(home.path, 'blobs')));
}

interface Parts {
  readonly home: Home;
  readonly store: Store;
  readonly provider: SandboxProvider;
  readonly interceptor: { readonly adminPort: number };
  readonly temporalAddress: string;
}

interface Serving {
  readonly url: string;
  /** Rejects when a part dies of itself that nothing here brings back. */
  readonly failed: Promise<never>;
}

/** Brings up projector, worker and API, in the order in which they need each other. */
async function serve(
  { config, env, logger, signal: stopping }: UpOptions,
  { home, store, provider, interceptor, temporalAddress }: Parts,
  held: AsyncDisposableStack,
): Promise<Serving> {
  const projector = new Projector({
    directory: journalDirectory(home.files.interceptor),
    sink: store.calls,
    blobs: store.blobs,
    onError: (error) => logger.error({ err: error }, error.message),
  });
  const projecting = new AbortController();
  const projected = projector.run(projecting.signal);
  held.defer(async () => {
    projecting.abort();
    await projected;
  });

  await resumeSandboxes({ store, provider, logger });
  installTemporalLogger(logger);
  const connection = await NativeConnection.connect({ address: temporalAddress });
  held.defer(() => connection.close());
  const client = new Client({ connection, namespace: env['TEMPORAL_NAMESPACE'] || 'default' });
  await prepareTemporal(client);

  const { secret } = home.installation;
  const admin = interceptorAdmin({ adminPort: interceptor.adminPort, installationSecret: secret });
  const gate: AttemptGate = {
    token: (rolloutId, attempt) => mintToken(secret, rolloutId, attempt),
    grant: (grant, signal) => admin.grant(grant, signal),
    revoke: async (rolloutId, attempt, signal) => void (await admin.revoke(rolloutId, attempt, signal)),
    revokeAndDrain: async (rolloutId, attempt, signal) =>
      projector.drain(await admin.revoke(rolloutId, attempt, signal), signal),
  };
  const capacity = capacityOf(await provider.capacity(stopping), config.capacity);
  const deps = { store, provider, agents: agentRegistry, client, capacity, logger };
  const worker = await startRolloutWorker({
    ...deps,
    provider,
    disk: config.disk,
    gate,
    connection,
    env,
    installationSecret: secret,
  });
  held.defer(async () => {
    await pauseSandboxes({ store, provider, logger });
    await removeUsedSandboxes({ store, provider, logger });
  });
  held.defer(() => worker.stop());

  const app = createApi({ ...deps, uploadsFolder: join(home.path, 'uploads') });
  const { server, url } = await listen(app, config);
  held.defer(() => closed(server));
  return { url, failed: worker.done.then(() => Promise.reject(new Error('the worker stopped'))) };
}
