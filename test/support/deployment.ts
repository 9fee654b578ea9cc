import { createDeploymentSchema } from '../../src/model/deployment.ts';
import type { Task } from '../../src/model/task.ts';
import { type SnapshotFacts, usualFacts } from '../../src/sandboxes/provider.ts';
import type { DeploymentRow } from '../../src/store/deployments.ts';
import type { Store } from '../../src/store/store.ts';

export const plainFacts: SnapshotFacts = { ...usualFacts, workdir: '/app' };

/** A deployment as if it had been built: ready, with a snapshot row, but with nothing at any provider. */
export async function readyDeployment(
  store: Store,
  options: {
    readonly name: string;
    readonly tasks?: readonly Task[];
    readonly facts?: Partial<SnapshotFacts>;
    readonly body?: object;
    readonly organization?: string;
  },
): Promise<DeploymentRow> {
  const { organization = 'default' } = options;
  const settings = createDeploymentSchema.parse({ name: options.name, ...options.body });
  const pending = await store.deployments.create(organization, settings, {
    dockerfile: 'FROM scratch\n',
    contextRef: await store.blobs.put(Buffer.from('context')),
    contextHash: 'hash',
    layout: options.tasks ? 'seeds' : 'none',
    tasks: options.tasks ?? [],
  });
  if (!pending) throw new Error(`${options.name} is taken`);
  const snapshotName = `snapshot-of-${options.name}`;
  await store.snapshots.save('docker', {
    name: snapshotName,
    providerRef: 'image',
    sizeBytes: 1,
    facts: { ...plainFacts, ...options.facts },
  });
  await store.deployments.endBuild(pending.buildId, { status: 'completed', snapshotName, cached: false });
  const ready = await store.deployments.find(organization, options.name);
  if (!ready) throw new Error(`${options.name} vanished`);
  return ready;
}
