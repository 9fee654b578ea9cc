import type { CallRecord } from '../../model/call.ts';
import { attemptKey } from '../../model/ids.ts';
import { type JsonObject, toJsonObject } from '../../model/json.ts';
import { attach } from './attach.ts';
import type { Conversation } from './conversation.ts';
import type { Conversations } from './conversations.ts';
import { presentMetrics, toldStep } from './planned-step.ts';
import type { PlannedTrajectory } from './planned-trajectory.ts';

/**
 * One attempt: what the agent itself did, with the conversations beside it (of sub-agents, for a title) at the steps that
 * they came from. Every call that made no step is listed in `extra.other_calls`.
 */
export function planAttempt(rolloutId: string, attempt: number, conversations: Conversations): PlannedTrajectory {
  const id = attemptKey(rolloutId, attempt);
  const { main, others } = conversations.split();
  const inSteps = new Set([main, ...others].flatMap((one) => one?.calls ?? []));
  const rest = conversations.calls.filter((call) => !inSteps.has(call));
  const planned: PlannedTrajectory[] = [
    {
      ...planConversation(id, main),
      calls: [...(main?.calls ?? []), ...rest],
      extra: { attempt, ...(rest.length > 0 && { other_calls: rest.map(presentOther) }) },
    },
  ];
  const [root] = planned;
  for (const [index, conversation] of others.entries()) {
    const trajectory = planConversation(`${id}.${index + 1}`, conversation);
    attach(trajectory, planned);
    planned.push(trajectory);
  }
  return root ?? planConversation(id, undefined);
}

function planConversation(id: string, conversation: Conversation | undefined): PlannedTrajectory {
  const calls = conversation?.calls ?? [];
  const steps = conversation?.steps ?? [toldStep(null, 'system', 'No LLM call can be shown.')];
  const models = calls.map(({ requestedModel, responseModel }) => requestedModel ?? responseModel);
  const tools = [...(conversation?.tools.values() ?? [])];
  return { id, model: models[0] ?? null, tools, steps, calls, extra: {}, subagents: [] };
}

function presentOther(call: CallRecord): JsonObject {
  const { id, status, httpStatus, error, method, path, requestedModel, retryOf, startedAt } = call;
  return {
    call_id: id,
    timestamp: startedAt.toISOString(),
    request: `${method} ${path}`,
    model: requestedModel,
    status,
    http_status: httpStatus,
    error,
    retry_of: retryOf,
    metrics: toJsonObject(presentMetrics(call, {})),
  };
}
