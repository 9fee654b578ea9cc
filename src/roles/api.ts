import { join } from 'node:path';
import { agentRegistry } from '../agents/registry.ts';
import { createMetrics } from '../metrics/metrics.ts';
import { measureStore } from '../metrics/store-metrics.ts';
import { capacityOf, unknownProvider } from '../model/capacity.ts';
import { toldToEnd } from './drain.ts';
import { serveHealth } from './health-server.ts';
import { connectTemporal, openRoleStore, type RoleOptions } from './role.ts';
import { serveApi } from './serve-api.ts';

/** Milliseconds that callers who wait for a rollout's end get when this process shall end. */
const usualGraceMs = 25_000;

/** `harbor api`: serves HTTP, and nothing else. Any number of them serve the same rollouts. */
export async function runApi(options: RoleOptions): Promise<void> {
  const { config, logger, onReady, signal, hurry } = options;
  await using held = new AsyncDisposableStack();
  const metrics = createMetrics();
  const store = await openRoleStore(options, metrics, held);
  measureStore(store.figures, metrics);
  if (config.apiKey !== undefined) await store.apiKeys.add(config.apiKey, 'default', 'first');
  const { client } = await connectTemporal(options, held);
  const check = async () => {
    if (signal.aborted) throw new Error('it is about to end');
    await Promise.all([store.apiKeys.organizationOf(''), client.workflowService.getSystemInfo({})]);
  };
  const health = await serveHealth({ ...config.health, usualPort: 8793, mayMove: true, check, metrics }, held);
  const deps = {
    store,
    agents: agentRegistry,
    client,
    capacity: capacityOf(unknownProvider, config.capacity),
    uploadsFolder: join(config.homePath, 'uploads'),
    isDraining: () => signal.aborted,
    logger,
  };
  const { url } = await serveApi({ config, deps, metrics, hurry, graceMs: config.drain.graceMs ?? usualGraceMs }, held);
  onReady({ url, metrics: `${health.url}/metrics` });
  await toldToEnd(options, config.drain);
}
