import { join } from 'node:path';
import { agentRegistry } from '../agents/registry.ts';
import { createApi } from '../api/app.ts';
import { aborted } from './aborted.ts';
import { capacityOf, unknownProvider } from '../model/capacity.ts';
import { closed, listen } from './listen.ts';
import { connectTemporal, openRoleStore, type RoleOptions } from './role.ts';

/** `harbor api`: serves HTTP, and nothing else. Any number of them serve the same rollouts. */
export async function runApi(options: RoleOptions): Promise<void> {
  const { config, logger, onReady, signal } = options;
  await using held = new AsyncDisposableStack();
  const store = await openRoleStore(options, held);
  if (config.apiKey !== undefined) await store.apiKeys.add(config.apiKey, 'default', 'first');
  const { client } = await connectTemporal(options, held);
  const app = createApi({
    store,
    agents: agentRegistry,
    client,
    capacity: capacityOf(unknownProvider, config.capacity),
    uploadsFolder: join(config.homePath, 'uploads'),
    isDraining: () => signal.aborted,
    logger,
  });
  const { server, url } = await listen(app, config);
  // Callers whose answers are cut come back and find their rollouts by id, at another process.
  held.defer(() => closed(server));
  onReady({ url });
  await aborted(signal);
}
