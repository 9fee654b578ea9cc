import { sandboxPrefix } from '../model/ids.ts';
import type { ActivityScope } from './activity.ts';
import type { ActivityDeps } from './deps.ts';
import type { Sweep } from './provider-leftovers.ts';

/**
 * Removes sandboxes of this installation that no open rollout owns; returns their names. A container has the labels of its
 * image, so one that another program made of ours is told by its name.
 */
export async function sweepSandboxes(
  { store, provider, logger }: Pick<ActivityDeps, 'store' | 'provider' | 'logger'>,
  { signal, report }: Pick<ActivityScope, 'signal' | 'report'>,
  { dryRun, before }: Sweep,
): Promise<readonly string[]> {
  const old = (await provider.list(signal)).filter(
    ({ name, createdAt }) => name.startsWith(sandboxPrefix) && createdAt < before,
  );
  const owners = old.flatMap(({ labels }) => labels['harbor.rollout'] ?? []);
  const live = await store.rollouts.live(owners);
  const gone: string[] = [];
  for (const { name, labels } of old) {
    const owner = labels['harbor.rollout'];
    if (owner !== undefined && live.has(owner) && !(await ended(store, owner, Number(labels['harbor.attempt']))))
      continue;
    if (!dryRun) {
      report(`removing ${name}`);
      logger.info({ sandbox: name, rollout: owner }, 'removing a sandbox that nobody owns');
      await provider.destroy(name);
    }
    gone.push(name);
  }
  return gone;
}

async function ended(store: ActivityDeps['store'], rolloutId: string, attempt: number): Promise<boolean> {
  const row = await store.attempts.find(rolloutId, attempt);
  return row !== undefined && row.endedAt !== null;
}
