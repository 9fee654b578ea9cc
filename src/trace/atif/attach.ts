import type { PlannedStep } from './planned-step.ts';
import type { PlannedTrajectory } from './planned-trajectory.ts';

interface Place {
  readonly trajectory: PlannedTrajectory;
  readonly step: PlannedStep;
  readonly callId?: string;
}

/** Puts a conversation into the trajectory that it came from, and its name into the step. */
export function attach(sub: PlannedTrajectory, planned: readonly PlannedTrajectory[]): void {
  const place = asker(sub, planned) ?? stepBefore(sub, planned);
  if (!place) return;
  const { trajectory, step, callId } = place;
  trajectory.subagents.push(sub);
  const reference = { trajectory_id: sub.id };
  const known = step.results.findIndex((result) => callId !== undefined && result.source_call_id === callId);
  const result = step.results[known];
  if (result) {
    const references = [...(result.subagent_trajectory_ref ?? []), reference];
    step.results[known] = { ...result, subagent_trajectory_ref: references };
  } else {
    step.results.push({
      ...(callId !== undefined && { source_call_id: callId }),
      subagent_trajectory_ref: [reference],
    });
  }
}

/** Characters of a tool's argument that are not found in a prompt by chance. */
const tellingLength = 20;

/** The tool call in whose arguments the conversation's prompt stands: that of a sub-agent. */
function asker(sub: PlannedTrajectory, planned: readonly PlannedTrajectory[]): Place | undefined {
  const prompts = sub.steps.filter(({ source }) => source === 'user').map(({ message }) => message);
  let found: (Place & { readonly length: number }) | undefined;
  for (const trajectory of planned) {
    for (const step of trajectory.steps) {
      for (const { tool_call_id: callId, arguments: given } of step.tools) {
        for (const value of Object.values(given)) {
          if (typeof value !== 'string' || value.length < Math.max(tellingLength, (found?.length ?? 0) + 1)) continue;
          if (prompts.some((prompt) => prompt.includes(value.trim()))) {
            found = { trajectory, step, callId, length: value.length };
          }
        }
      }
    }
  }
  return found;
}

/** The agent's own last step before the conversation began, else its first. */
function stepBefore(sub: PlannedTrajectory, [main]: readonly PlannedTrajectory[]): Place | undefined {
  const begin = sub.calls[0]?.startedAt.getTime() ?? 0;
  const before = main?.steps.findLast(({ at }) => at !== null && at.getTime() <= begin);
  const step = before ?? main?.steps[0];
  return main && step && { trajectory: main, step };
}
