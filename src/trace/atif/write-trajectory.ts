import type { CallRecord } from '../../model/call.ts';
import type { JsonObject } from '../../model/json.ts';
import { Conversations } from './conversations.ts';
import { finalMetrics } from './final-metrics.ts';
import { planAttempt } from './plan.ts';
import { presentStep } from './planned-step.ts';
import type { PlannedTrajectory } from './planned-trajectory.ts';
import { type CallBodies, readCall } from './read-call.ts';
import type { Trajectory } from './schema.ts';
import { tokenData } from './token-data.ts';

export interface TrajectorySubject {
  readonly rolloutId: string;
  /** The last one. */
  readonly attempt: number;
  readonly agent: string;
  readonly model: string | null;
  /** What became of the rollout: its reward, how far that can be trusted, and so on. */
  readonly extra: JsonObject;
}

export interface TrajectorySource {
  /** Of all attempts, in the order of their ids. */
  readonly calls: readonly CallRecord[];
  readonly load: (call: CallRecord) => Promise<CallBodies>;
}

const notes =
  'Built from the recorded LLM calls. final_metrics covers all of them: those of sub-agents and other conversations ' +
  '(subagent_trajectories), those that made no step (extra.other_calls), and earlier attempts ' +
  '(extra.earlier_attempts, found in subagent_trajectories too).';

/**
 * A rollout's calls as one ATIF trajectory, in pieces of JSON.
 *
 * The last attempt is the trajectory. Earlier ones stand whole in its `subagent_trajectories`, and `extra` names them: no
 * step of the last attempt led to them, but their tokens were spent on the same rollout, and `final_metrics` is the sum of
 * every call in the store.
 *
 * Each request repeats the conversation before it, so calls are read one at a time, and only what each adds is kept: at
 * most, the conversations once. Token ids are read again when their step is written, since every prompt has them all.
 */
export async function* writeTrajectory(subject: TrajectorySubject, source: TrajectorySource): AsyncGenerator<string> {
  const attempts = new Map<number, Conversations>();
  for (const call of source.calls) {
    const conversations = attempts.get(call.attempt) ?? new Conversations();
    attempts.set(call.attempt, conversations);
    conversations.add(readCall(call, await source.load(call)));
  }
  const last = planAttempt(subject.rolloutId, subject.attempt, attempts.get(subject.attempt) ?? new Conversations());
  attempts.delete(subject.attempt);
  const earlier = [...attempts].map(([attempt, conversations]) =>
    planAttempt(subject.rolloutId, attempt, conversations),
  );
  const root: PlannedTrajectory = {
    ...last,
    model: subject.model ?? last.model,
    extra: {
      ...subject.extra,
      ...last.extra,
      ...(earlier.length > 0 && { earlier_attempts: earlier.map(({ id }) => id) }),
    },
    subagents: [...last.subagents, ...earlier],
  };
  yield* write(root, subject, source, { notes });
  yield '\n';
}

async function* write(
  planned: PlannedTrajectory,
  subject: TrajectorySubject,
  source: TrajectorySource,
  more: Pick<Trajectory, 'notes'> = {},
): AsyncGenerator<string> {
  const { id, model, tools, steps, extra, subagents } = planned;
  const head: Omit<Trajectory, 'steps' | 'final_metrics' | 'extra'> = {
    schema_version: 'ATIF-v1.8',
    session_id: subject.rolloutId,
    trajectory_id: id,
    agent: {
      name: subject.agent,
      // The calls do not tell it.
      version: 'unknown',
      ...(model !== null && { model_name: model }),
      ...(tools.length > 0 && { tool_definitions: tools }),
    },
    ...more,
  };
  yield `${JSON.stringify(head).slice(0, -1)},"steps":[`;
  for (const [index, step] of steps.entries()) {
    const tokens = step.hasTokenData && step.call ? tokenData((await source.load(step.call)).response) : {};
    yield `${index === 0 ? '' : ','}\n${JSON.stringify(presentStep(step, index + 1, tokens))}`;
  }
  const tail: Pick<Trajectory, 'final_metrics' | 'extra'> = {
    final_metrics: finalMetrics(callsIn(planned), steps.length),
    extra,
  };
  yield `\n],${JSON.stringify(tail).slice(1, -1)}`;
  if (subagents.length > 0) yield ',"subagent_trajectories":[';
  for (const [index, subagent] of subagents.entries()) {
    yield index === 0 ? '\n' : ',\n';
    yield* write(subagent, subject, source);
  }
  yield subagents.length > 0 ? '\n]}' : '}';
}

/** With those of everything that it holds, in the order in which they were made. */
function callsIn({ calls, subagents }: PlannedTrajectory): CallRecord[] {
  return [...calls, ...subagents.flatMap(callsIn)].sort((a, b) => (a.id < b.id ? -1 : 1));
}
