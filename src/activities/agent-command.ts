import type { AgentCommand } from '../agents/agent.ts';
import { toJsonObject } from '../model/json.ts';
import type { ActivityDeps } from './deps.ts';
import { overrideEnv } from './overrides.ts';
import type { StoredRollout } from './planning.ts';
import { agentHome, bookkeeping } from './sandbox-layout.ts';

/**
 * The agent's command and files for one attempt. A pure function of what the store holds, so that the activity that makes
 * the sandbox and the one that starts the agent, on whatever worker, mean the same.
 */
export function prepareAgent(
  { provider, interceptor }: Pick<ActivityDeps, 'provider' | 'interceptor'>,
  rollout: StoredRollout,
  attempt: number,
): AgentCommand {
  const { row, generation, plan } = rollout;
  const { agent: _agent, model: _model, inference_url: _url, ...settings } = row.request.policy.config;
  const command = plan.agent.prepare({
    rolloutId: row.id,
    attempt,
    traceCorrelationId: row.traceCorrelationId,
    seed: plan.seed,
    instruction: plan.instruction,
    model: plan.model,
    settings: toJsonObject(settings),
    interceptorUrl: provider.interceptorUrl(plan.agentEgress),
    token: interceptor.token(row.id, attempt),
    timeoutSeconds: plan.timeoutSeconds,
    entrypoint: { command: generation.entrypoint, mode: generation.entrypointMode },
    request: toJsonObject(row.request),
    home: agentHome,
  });
  return {
    ...command,
    // What the agent itself needs is not to be overlaid.
    env: { ...overrideEnv(rollout), ...command.env },
    argv: ['sh', '-c', bookkeeping, 'sh', ...command.argv],
    files: [{ path: `${agentHome}/`, content: '', mode: 0o1777 }, ...command.files],
  };
}
