import { agentRegistry } from '../agents/registry.ts';
import { roleInterceptorPort } from '../config.ts';
import { findEngine } from '../embedded/engine.ts';
import { storeGate } from '../interceptor/store-gate.ts';
import { createMetrics } from '../metrics/metrics.ts';
import { HarborError } from '../model/errors.ts';
import { capacityOf } from '../model/capacity.ts';
import { createDockerProvider } from '../sandboxes/docker/provider.ts';
import { aborted } from './aborted.ts';
import { serveHealth } from './health-server.ts';
import { roleInterceptorUrl } from './interceptor-url.ts';
import { connectTemporal, openRoleStore, readRoleInstallation, type RoleOptions } from './role.ts';
import { startRolloutWorker } from './rollout-worker.ts';
import { prepareTemporal } from './temporal-setup.ts';

/**
 * `harbor worker`: builds, and runs rollouts in sandboxes of the engine beside it. When it ends, sandboxes go on, and so
 * does another worker of the same engine with them.
 */
export async function runWorkerRole(options: RoleOptions): Promise<void> {
  const { config, env, logger, onReady, signal } = options;
  await using held = new AsyncDisposableStack();
  const { id, secret } = readRoleInstallation(env);
  const metrics = createMetrics();
  const store = await openRoleStore(options, metrics, held);
  const { engine } = await findEngine(env, signal);
  if (!engine) {
    throw new HarborError('sandbox_failed', 'no container engine answers', {
      remedy: 'Start Docker, or set DOCKER_HOST; `harbor doctor` shows what is found.',
    });
  }
  const provider = createDockerProvider({
    engine: engine.address,
    installation: id,
    interceptorPort: roleInterceptorPort(env),
    interceptorUrl: roleInterceptorUrl(env),
    logger,
  });
  await provider.start(signal);
  const { connection, client } = await connectTemporal(options, held);
  await prepareTemporal(client);
  const worker = await startRolloutWorker({
    store,
    provider,
    agents: agentRegistry,
    client,
    capacity: capacityOf(await provider.capacity(signal), config.capacity),
    disk: config.disk,
    logger,
    gate: storeGate({ grants: store.grants, installationSecret: secret }),
    connection,
    env,
    installationSecret: secret,
    metrics,
  });
  const check = async () => {
    if (signal.aborted) throw new Error('it is about to end');
    await Promise.all([store.apiKeys.organizationOf(''), provider.health(signal)]);
  };
  const { url } = await serveHealth({ ...config.health, usualPort: 8791, check, metrics }, held);
  // Its answers last until the work has been let go of.
  held.defer(() => worker.stop());
  onReady({ url, metrics: `${url}/metrics` });
  await Promise.race([worker.done, aborted(signal)]);
  if (!signal.aborted) throw new Error('the worker stopped');
}
