import { z } from 'zod';
import { runCommand } from '../../../src/embedded/run-command.ts';
import type { CallRecord } from '../../../src/model/call.ts';
import { type Json, parseJson } from '../../../src/model/json.ts';
import { type TrajectorySubject, writeTrajectory } from '../../../src/trace/atif/write-trajectory.ts';
import { callRecord } from '../../support/call.ts';
import { pythonWith } from '../../support/python.ts';

/** A call with its bodies beside it. */
export interface MadeCall {
  readonly record: CallRecord;
  readonly request: Json;
  readonly response: Json;
}

export function call(request: Json, response: Json, more: Partial<CallRecord> = {}): MadeCall {
  return { record: callRecord('r', more), request, response };
}

/** What of a trajectory the tests look at. */
const metrics = z.looseObject({
  prompt_tokens: z.int().optional(),
  completion_tokens: z.int().optional(),
  cached_tokens: z.int().optional(),
  cost_usd: z.number().optional(),
});
const step = z.looseObject({
  step_id: z.int(),
  source: z.string(),
  message: z.string(),
  tool_calls: z.array(z.looseObject({ tool_call_id: z.string(), arguments: z.json() })).optional(),
  observation: z
    .object({
      results: z.array(
        z.object({
          source_call_id: z.string().optional(),
          content: z.string().optional(),
          subagent_trajectory_ref: z.array(z.object({ trajectory_id: z.string() })).optional(),
        }),
      ),
    })
    .optional(),
  metrics: metrics.optional(),
});
const trajectorySchema = z.looseObject({
  trajectory_id: z.string(),
  agent: z.looseObject({ tool_definitions: z.array(z.json()).optional() }),
  steps: z.array(step).min(1),
  final_metrics: z.looseObject({
    total_prompt_tokens: z.int(),
    total_completion_tokens: z.int(),
    total_cached_tokens: z.int(),
    total_cost_usd: z.number().optional(),
    total_steps: z.int(),
    extra: z.looseObject({ llm_calls: z.int() }),
  }),
  extra: z.looseObject({
    other_calls: z.array(z.looseObject({ call_id: z.string(), metrics })).optional(),
    earlier_attempts: z.array(z.string()).optional(),
  }),
  get subagent_trajectories() {
    return z.array(trajectorySchema).optional();
  },
});
export type ReadTrajectory = z.infer<typeof trajectorySchema>;

export async function textOf(calls: readonly MadeCall[], more: Partial<TrajectorySubject> = {}): Promise<string> {
  const bodies = new Map(calls.map(({ record, request, response }) => [record.id, { request, response }]));
  const load = ({ id }: CallRecord) => Promise.resolve(bodies.get(id) ?? { request: null, response: null });
  const subject = { rolloutId: 'r', attempt: 1, agent: 'codex', model: null, extra: {}, ...more };
  let text = '';
  for await (const piece of writeTrajectory(subject, { calls: calls.map(({ record }) => record), load })) text += piece;
  return text;
}

export async function trajectoryOf(
  calls: readonly MadeCall[],
  more: Partial<TrajectorySubject> = {},
): Promise<ReadTrajectory> {
  return readTrajectory(await textOf(calls, more));
}

export function readTrajectory(text: string): ReadTrajectory {
  return parseJson(text, trajectorySchema, 'trajectory');
}

/** Every trajectory in a document, itself first. */
export function family(trajectory: ReadTrajectory): ReadTrajectory[] {
  return [trajectory, ...(trajectory.subagent_trajectories ?? []).flatMap(family)];
}

const program = `
import sys
from atif import Trajectory

def check(trajectory):
    here = {sub.trajectory_id for sub in trajectory.subagent_trajectories or []}
    for step in trajectory.steps:
        for result in step.observation.results if step.observation else []:
            for ref in result.subagent_trajectory_ref or []:
                assert ref.trajectory_id in here, f"{ref.trajectory_id} is not in {here}"
    for sub in trajectory.subagent_trajectories or []:
        check(sub)

for path in sys.argv[1:]:
    with open(path) as file:
        check(Trajectory.model_validate_json(file.read()))
`;

/** Has the format's own validator read these files. Rejects with what it says. */
export async function validate(files: readonly string[]): Promise<void> {
  const python = await pythonWith(['atif==1.8.0']);
  const signal = AbortSignal.timeout(60_000);
  await runCommand(python, ['-c', program, ...files], { env: process.env, signal });
}
