import { pino } from 'pino';
import type { ActivityDeps } from '../../src/activities/deps.ts';
import { agentRegistry } from '../../src/agents/registry.ts';
import { roomFor } from './rollout.ts';

/** What activities need, where no interceptor and no toolbox is: the gate lets everything pass. `more`: what is not as usual. */
export function activityDeps(
  parts: Pick<ActivityDeps, 'store' | 'client' | 'provider'>,
  more: Partial<Pick<ActivityDeps, 'capacity'>> & { readonly revoke?: ActivityDeps['interceptor']['revoke'] } = {},
): ActivityDeps {
  const { capacity = roomFor(8), revoke = () => Promise.resolve() } = more;
  return {
    ...parts,
    agents: agentRegistry,
    ensureToolbox: () => Promise.reject(new Error('no toolbox is needed here')),
    interceptor: {
      token: () => '',
      grant: () => Promise.resolve(),
      revoke,
      revokeAndDrain: () => Promise.resolve(),
      settle: () => Promise.resolve(),
      absences: () => Promise.resolve([]),
    },
    capacity,
    disk: { snapshotBytes: undefined },
    unguessable: (name) => name,
    logger: pino({ level: 'silent' }),
  };
}
