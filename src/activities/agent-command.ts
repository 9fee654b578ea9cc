import type { AgentCommand, AgentRun } from '../agents/agent.ts';
import { HarborError } from '../model/errors.ts';
import { toJsonObject } from '../model/json.ts';
import type { ActivityDeps } from './deps.ts';
import { overrideEnv } from './overrides.ts';
import type { StoredRollout } from './planning.ts';
import { agentHome, bookkeeping, bookkeepingAgain } from './sandbox-layout.ts';

type Parts = Pick<ActivityDeps, 'provider' | 'interceptor'>;

/**
 * The agent's command and files for one attempt. A pure function of what the store holds, so that the activity that makes
 * the sandbox and the one that starts the agent, on whatever worker, mean the same.
 */
export function prepareAgent(parts: Parts, rollout: StoredRollout, attempt: number): AgentCommand {
  const command = rollout.plan.agent.prepare(agentRun(parts, rollout, attempt));
  return {
    ...surrounded(rollout, command, bookkeeping),
    files: [{ path: `${agentHome}/`, content: '', mode: 0o1777 }, ...command.files],
  };
}

/** As {@link prepareAgent}, for the command that takes a session up again in the sandbox where it lies. */
export function prepareResume(
  { agents, ...parts }: Parts & Pick<ActivityDeps, 'agents'>,
  rollout: StoredRollout,
  attempt: number,
  sessionId: string,
): AgentCommand {
  const { name } = rollout.plan.agent;
  const agent = agents.byName(name);
  if (!agent) throw new HarborError('internal', `${name} has no sessions`);
  return surrounded(rollout, agent.resume(agentRun(parts, rollout, attempt), sessionId), bookkeepingAgain);
}

function agentRun({ provider, interceptor }: Parts, rollout: StoredRollout, attempt: number): AgentRun {
  const { row, generation, plan } = rollout;
  const { agent: _agent, model: _model, inference_url: _url, ...settings } = row.request.policy.config;
  return {
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
  };
}

function surrounded(rollout: StoredRollout, command: AgentCommand, script: string): AgentCommand {
  return {
    ...command,
    // What the agent itself needs is not to be overlaid.
    env: { ...overrideEnv(rollout), ...command.env },
    argv: ['sh', '-c', script, 'sh', ...command.argv],
  };
}
