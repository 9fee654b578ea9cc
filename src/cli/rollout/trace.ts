import type { Command } from 'commander';
import type { RolloutResponse } from '../../model/responses.ts';
import { apiCommand, type CliContext, clientFor, type ServerFlags } from '../context.ts';
import { callCount, count, duration, money, reward } from '../format.ts';
import { note, paint, say, sayBytes } from '../output.ts';
import { renderTrace } from '../trace/render-trace.ts';

interface Flags extends ServerFlags {
  readonly full: boolean;
  readonly json: boolean;
}

export function register(group: Command, context: CliContext): void {
  apiCommand(group, 'trace <id>')
    .description('read what the model was told, what it said and did, and what that cost')
    .option('--full', 'leave nothing out', false)
    .option('--json', 'print the recorded calls as JSON', false)
    .action((id: string, flags: Flags) => trace(context, id, flags));
}

async function trace(context: CliContext, id: string, { full, json, ...server }: Flags): Promise<void> {
  const client = await clientFor(context, server);
  if (json) return sayBytes(client.rawTrace(id));
  const rollout = await client.rollout(id);
  say(
    `Rollout ${paint('bold', id)}: seed ${rollout.seed ?? '-'} of ${rollout.deployment}, ${rollout.agent} with ${rollout.model ?? 'no model'}`,
  );
  let empty = true;
  for await (const line of renderTrace(client.trace(id), { paint, full })) {
    empty = false;
    say(line);
  }
  say();
  for (const line of totals(rollout)) say(line);
  note(empty ? 'No LLM call was made.' : full ? '' : 'What was left out is shown with --full.');
}

function totals({ status, reward_info, usage, timings, trace: recorded }: RolloutResponse): string[] {
  const tokens = `${count(usage.input_tokens)} tokens in (${count(usage.cached_tokens)} cached), ${count(usage.output_tokens)} out`;
  const scripted = recorded?.calls.some(({ upstream }) => upstream === 'scripted') ?? false;
  return [
    `${paint('bold', `${status}, reward ${reward(reward_info.outcome_reward)}`)}: ${callCount(usage, 'LLM call')}, ${tokens}, ${money(usage.cost_usd)}, agent at work for ${duration(timings.agent_s)}`,
    ...(scripted ? ['The model was scripted: its token counts are estimates, and nothing was billed.'] : []),
  ];
}
