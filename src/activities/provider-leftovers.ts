import type { AgentRegistry } from '../agents/registry.ts';
import { toolboxHash } from '../agents/toolbox.ts';
import { type Leftover, type Toolbox, usualFacts } from '../sandboxes/provider.ts';
import type { ActivityScope } from './activity.ts';
import type { ActivityDeps } from './deps.ts';

/** Milliseconds: what is younger may just not be written down, or used, yet. */
export const orphanMs = 10 * 60_000;

export interface Sweep {
  /** Only tell. */
  readonly dryRun: boolean;
  /** What was made later stays. */
  readonly before: Date;
}

/**
 * Removes what lies at the provider beside sandboxes and snapshots and nobody uses: helpers of processes that died over
 * them, toolboxes of versions that no agent has any more, images that were built anew, networks. Returns what that was, or
 * with `dryRun` what it would be.
 */
export async function sweepLeftovers(
  { provider, agents, logger }: Pick<ActivityDeps, 'provider' | 'agents' | 'logger'>,
  { signal, report }: Pick<ActivityScope, 'signal' | 'report'>,
  { dryRun, before }: Sweep,
): Promise<readonly Leftover[]> {
  report('looking for leftovers');
  const listed = await provider.listLeftovers(toolboxesOf(agents), signal);
  const gone: Leftover[] = [];
  for (const leftover of listed) {
    if (leftover.createdAt >= before) continue;
    if (!dryRun) {
      report(`removing ${leftover.name}`);
      if (!(await provider.removeLeftover(leftover, signal))) continue;
      logger.info({ kind: leftover.kind, name: leftover.name }, 'removed a leftover that nobody uses');
    }
    gone.push(leftover);
  }
  return gone;
}

/** Those of every agent, for every kind of image. */
function toolboxesOf(agents: AgentRegistry): readonly Pick<Toolbox, 'name' | 'hash'>[] {
  const kinds = (['x64', 'arm64'] as const).flatMap((architecture) =>
    (['glibc', 'musl', 'none'] as const).map((libc) => ({ ...usualFacts, architecture, libc })),
  );
  return agents.names.flatMap((name) => {
    const agent = agents.byName(name);
    if (!agent) return [];
    return kinds.map((facts) => {
      const source = agent.toolbox(facts);
      return { name: source.name, hash: toolboxHash(source) };
    });
  });
}
