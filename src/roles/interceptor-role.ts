import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import type { Registry } from 'prom-client';
import { roleInterceptorPort, withLlmKeys } from '../config.ts';
import { stopChild } from '../embedded/child.ts';
import { createFile, readIfThere } from '../embedded/files.ts';
import { type Home, lockHome, openHome } from '../embedded/home.ts';
import { ensureInterceptor, interceptorName, supervisorPort } from '../embedded/interceptor.ts';
import { dropKeys, llmKeyNames } from '../embedded/llm-variables.ts';
import { superviseChild } from '../embedded/supervise.ts';
import { interceptorAdmin } from '../interceptor/admin-client.ts';
import { GrantKeeper } from '../interceptor/grant-keeper.ts';
import { grantListener } from '../interceptor/grant-listener.ts';
import { journalDirectory } from '../interceptor/main.ts';
import { Projector } from '../interceptor/projector.ts';
import { meteredSink } from '../metrics/call-metrics.ts';
import { measureInterceptor } from '../metrics/interceptor-metrics.ts';
import { createMetrics } from '../metrics/metrics.ts';
import type { HarborError } from '../model/errors.ts';
import type { Store } from '../store/store.ts';
import { toldToEnd } from './drain.ts';
import { drainStreams, type Kept, leave } from './interceptor-leave.ts';
import { serveHealth } from './health-server.ts';
import { openRoleStore, readRoleInstallation, type RoleOptions } from './role.ts';
import { program } from './program.ts';

/** Milliseconds that the process that streams may take for an answer before this round of the keeper has failed. */
const adminPatienceMs = 1000;

/** Milliseconds that streams get when this process shall end: a long answer of a model that thinks. */
const usualGraceMs = 300_000;

/**
 * `harbor interceptor`: supervises the process that streams, which has LLM keys and no database. This one has the
 * database and no keys: it answers what that one asks, keeps its lease, and brings its journal into the store. Its folder,
 * HARBOR_INTERCEPTOR_DIR, is its own and outlives it: the next start on it projects what the one before left.
 */
export async function runInterceptorRole(options: RoleOptions): Promise<void> {
  const { config, logger, onReady, signal, hurry } = options;
  const env = withLlmKeys(options.env);
  await using held = new AsyncDisposableStack();
  const installation = readRoleInstallation(env);
  const home = await openHome(env['HARBOR_INTERCEPTOR_DIR'] || join(config.homePath, 'interceptor-role'), installation);
  const lock = await lockHome(home.path, signal);
  held.defer(() => lock.release());
  // Before anything is started, and closed again: `dropKeys` may put another process in this one's place.
  await checkStore(options);
  const url = `http://127.0.0.1:${await supervisorPort(home)}`;
  const hosts = (env['HARBOR_INTERCEPTOR_HOSTS'] || '0.0.0.0').split(',').map((host) => host.trim());
  const interceptor = await ensureInterceptor({
    home,
    program,
    hosts,
    env,
    supervised: { url, port: roleInterceptorPort(env) },
    signal,
  });
  if (llmKeyNames(env).length > 0) {
    await lock.release();
    dropKeys(env);
  }
  const watching = new AbortController();
  const watched = superviseChild(
    home,
    interceptor.child,
    (event) => logger.warn(event, `child process ${event.kind}`),
    watching.signal,
  );
  const stopStreaming = async () => {
    watching.abort();
    await watched;
    await stopChild(home, interceptorName);
  };
  held.defer(stopStreaming);
  const metrics = createMetrics();
  const store = await openRoleStore(options, metrics, held);
  const kept = await keep(options, { home, store, metrics, adminPort: interceptor.adminPort, url }, held);
  const check = async () => {
    if (signal.aborted) throw new Error('it is about to end');
    if (!kept.keeper.isWell) throw new Error('the interceptor has no lease');
  };
  const { url: healthUrl } = await serveHealth({ ...config.health, usualPort: 8792, check, metrics }, held);
  // Before keeper and projector end: what is open may still be revoked, and its calls are to come into the store.
  held.defer(async () => {
    await drainStreams(kept.admin, config.drain.graceMs ?? usualGraceMs, hurry);
    await stopStreaming();
    await leave(kept, { home, store, hurry, logger });
  });
  onReady({ url: healthUrl, metrics: `${healthUrl}/metrics` });
  await toldToEnd(options, config.drain);
}

async function checkStore(options: RoleOptions): Promise<void> {
  await using held = new AsyncDisposableStack();
  await openRoleStore(options, createMetrics(), held);
}

interface KeepParts {
  readonly home: Home;
  readonly store: Store;
  readonly metrics: Registry;
  readonly adminPort: number;
  /** Of the listener for the questions of the process that streams. */
  readonly url: string;
}

/** Starts projector, listener and keeper; they end in the opposite order. */
async function keep(
  { logger }: RoleOptions,
  { home, store, metrics, adminPort, url }: KeepParts,
  held: AsyncDisposableStack,
): Promise<Kept> {
  const { secret: installationSecret } = home.installation;
  const onError = (error: HarborError) => logger.error({ err: error }, error.message);
  const projector = new Projector({
    directory: journalDirectory(home.files.interceptor),
    sink: meteredSink(store.calls, metrics),
    blobs: store.blobs,
    onError,
  });
  const interceptor = await nameOf(home);
  const admin = interceptorAdmin({ adminPort, installationSecret, patienceMs: adminPatienceMs });
  measureInterceptor(admin, metrics);
  const keeper = new GrantKeeper({
    interceptor,
    grants: store.grants,
    budgets: store.budgets,
    admin,
    projector,
    directory: home.files.interceptor,
    onError,
  });
  const ending = new AbortController();
  const running = [projector.run(ending.signal), keeper.run(ending.signal)];
  held.defer(async () => {
    ending.abort();
    await Promise.all(running);
  });
  const server = createServer(
    grantListener({ interceptor, grants: store.grants, budgets: store.budgets, installationSecret, onError }),
  );
  server.listen({ host: '127.0.0.1', port: Number(new URL(url).port) });
  await once(server, 'listening');
  held.defer(() => {
    server.close();
    server.closeAllConnections();
  });
  return { interceptor, keeper, projector, admin };
}

/** Made once for each folder: the store knows by it what lies in the folder's journals. */
async function nameOf({ path }: Home): Promise<string> {
  const file = join(path, 'interceptor-name');
  await createFile(file, randomUUID());
  return (await readIfThere(file)) ?? '';
}
