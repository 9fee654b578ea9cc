import { join } from 'node:path';
import type { Registry } from 'prom-client';
import { agentRegistry } from '../agents/registry.ts';
import type { Home } from '../embedded/home.ts';
import { interceptorAdmin } from '../interceptor/admin-client.ts';
import { localGate } from '../interceptor/local-gate.ts';
import { journalDirectory } from '../interceptor/main.ts';
import { Projector } from '../interceptor/projector.ts';
import { meteredSink } from '../metrics/call-metrics.ts';
import { measureInterceptor } from '../metrics/interceptor-metrics.ts';
import { measureStore } from '../metrics/store-metrics.ts';
import { capacityOf } from '../model/capacity.ts';
import type { DockerProvider } from '../sandboxes/docker/provider.ts';
import type { Store } from '../store/store.ts';
import { serveHealth } from './health-server.ts';
import { pauseSandboxes, removeUsedSandboxes, resumeSandboxes } from './sandboxes-at-rest.ts';
import { serveApi } from './serve-api.ts';
import { prepareTemporal } from './temporal-setup.ts';
import { startRolloutWorker } from './rollout-worker.ts';
import { connectTemporal, type RoleOptions } from './role.ts';

export interface UpParts {
  readonly home: Home;
  readonly store: Store;
  readonly metrics: Registry;
  readonly provider: DockerProvider;
  readonly interceptor: { readonly adminPort: number };
  readonly temporalAddress: string;
}

export interface UpServing {
  readonly url: string;
  readonly metrics: string;
  /** Rejects when a part dies of itself that nothing here brings back. */
  readonly failed: Promise<never>;
}

/** Brings up projector, worker and API, in the order in which they need each other. */
export async function serveUp(
  { config, env, logger, signal: stopping }: Omit<RoleOptions, 'onReady' | 'hurry'>,
  { home, store, metrics, provider, interceptor, temporalAddress }: UpParts,
  held: AsyncDisposableStack,
): Promise<UpServing> {
  const projector = new Projector({
    directory: journalDirectory(home.files.interceptor),
    sink: meteredSink(store.calls, metrics),
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
  // TLS and keys are those of a server that was configured, and nothing for one of our own.
  const configured = env['TEMPORAL_ADDRESS'] ? env : { TEMPORAL_NAMESPACE: env['TEMPORAL_NAMESPACE'] };
  const { connection, client } = await connectTemporal(
    { env: { ...configured, TEMPORAL_ADDRESS: temporalAddress }, logger },
    held,
  );
  await prepareTemporal(client);

  const { secret } = home.installation;
  const admin = interceptorAdmin({ adminPort: interceptor.adminPort, installationSecret: secret });
  const gate = localGate({ admin, directory: home.files.interceptor, projector, installationSecret: secret });
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
    metrics,
  });
  held.defer(async () => {
    await pauseSandboxes({ store, provider, logger });
    await removeUsedSandboxes({ store, provider, logger });
  });
  held.defer(() => worker.stop());

  const check = async () => {
    if (stopping.aborted) throw new Error('it is about to end');
    await Promise.all([store.apiKeys.organizationOf(''), provider.health(stopping)]);
  };
  measureStore(store.figures, metrics);
  measureInterceptor(
    interceptorAdmin({ adminPort: interceptor.adminPort, installationSecret: secret, patienceMs: 0 }),
    metrics,
  );
  const health = await serveHealth({ ...config.health, usualPort: 8793, mayMove: true, check, metrics }, held);
  const apiDeps = { ...deps, uploadsFolder: join(home.path, 'uploads'), isDraining: () => stopping.aborted };
  const { url } = await serveApi({ config, deps: apiDeps, metrics, graceMs: 0, hurry: stopping }, held);
  return {
    url,
    metrics: `${health.url}/metrics`,
    failed: worker.done.then(() => Promise.reject(new Error('the worker stopped'))),
  };
}
