import { posix } from 'node:path';
import type { OverrideResult, PartResult } from '../model/context-override.ts';
import type { AttemptRef } from '../model/stages.ts';
import type { ActivityScope } from './activity.ts';
import type { ActivityDeps } from './deps.ts';
import { type OverlayTarget, writeOverlay } from './overlay-files.ts';
import { failed, overallStatus, type OverridePlan, planOverrides } from './override-plan.ts';
import { placeForAgent } from './place-for-agent.ts';
import type { StoredRollout } from './planning.ts';
import { runPreflight } from './preflight.ts';

/**
 * Overlays what a request brings on a fresh sandbox, one override after the other: files, then its script; in the end
 * instructions and skills, once more, where this agent reads them. As the agent's own user, so that the agent may change what it
 * got. What cannot be applied is told, and keeps nothing else from it. Variables are the agent's command's business.
 */
export async function applyOverrides(
  deps: ActivityDeps,
  rollout: StoredRollout,
  { rolloutId, attempt }: AttemptRef,
  sandbox: string,
  scope: ActivityScope,
): Promise<void> {
  const plans = overridesFor(rollout);
  if (plans.length === 0) return;
  const target: OverlayTarget = {
    provider: deps.provider,
    sandbox,
    workdir: workdirOf(rollout),
    user: rollout.plan.settings.agentUser,
    signal: scope.signal,
  };
  const results: OverrideResult[] = [];
  for (const [index, plan] of plans.entries()) {
    scope.report(`overlaying ${plan.overrideId}`);
    results.push(await applyOne(target, plan, `override-${index}`));
  }
  const agent = deps.agents.byName(rollout.plan.agent.name);
  const everyAgent = deps.agents.names.flatMap((name) => deps.agents.byName(name) ?? []);
  const placed = agent ? await placeForAgent(target, agent, everyAgent, plans, results) : results;
  await deps.store.attempts.setOverrides(rolloutId, attempt, placed);
}

/** Those that Harbor applies: an image's own entrypoint gets them as data, and applies them itself. */
function overridesFor(rollout: StoredRollout): readonly OverridePlan[] {
  return rollout.plan.agent.name === 'entrypoint' ? [] : planOverrides(rollout.row.request, workdirOf(rollout));
}

/** Variables that overrides give to the agent; later ones win. */
export function overrideEnv(rollout: StoredRollout): Readonly<Record<string, string>> {
  return Object.assign({}, ...overridesFor(rollout).map(({ env }) => env));
}

const workdirOf = ({ plan, snapshot }: StoredRollout): string => plan.settings.workdir ?? snapshot.facts.workdir;

async function applyOne(target: OverlayTarget, plan: OverridePlan, id: string): Promise<OverrideResult> {
  const files = { ...plan.refused.files, ...(await writeFiles(target, plan, id)) };
  const script = plan.preflight === null ? null : await runPreflight(target, plan, plan.preflight, id);
  const preflight =
    script ??
    (plan.refused.preflight && { ...plan.refused.preflight, exitCode: null, stdout: '', stderr: '', milliseconds: 0 });
  const given = Object.keys(plan.env).map((name): [string, PartResult] => [name, { status: 'applied', error: null }]);
  const env = { ...plan.refused.env, ...Object.fromEntries(given) };
  return { overrideId: plan.overrideId, status: overallStatus({ files, preflight, env }), files, preflight, env };
}

async function writeFiles(
  target: OverlayTarget,
  { files }: OverridePlan,
  id: string,
): Promise<OverrideResult['files']> {
  const placed = files.map(({ path, content }) => ({ path: posix.resolve(target.workdir, path), content }));
  const results = await writeOverlay(target, placed, id);
  return Object.fromEntries(
    files.map(({ path, content }, index) => {
      const result = results[index] ?? failed('runtime', 'nothing was said of it');
      const applied = result.status === 'applied';
      const places = applied ? [placed[index]?.path ?? path] : [];
      return [path, { ...result, bytes: applied ? Buffer.byteLength(content) : 0, places }];
    }),
  );
}
