import type { Command } from 'commander';
import type { RolloutResponse } from '../../model/responses.ts';
import { isClosed } from '../../model/rollout.ts';
import { apiCommand, type CliContext, clientFor, type ServerFlags } from '../context.ts';
import { explainFailure } from '../failure-advice.ts';
import { callCount, count, duration, moment, money, reward } from '../format.ts';
import { paint, paintStatus, printable, say, sayJson } from '../output.ts';
import { facts } from '../table.ts';

interface Flags extends ServerFlags {
  readonly json: boolean;
}

/** What a reward's trust means for its reader. */
const trust: Readonly<Record<string, string>> = {
  isolated: 'judged in a sandbox of its own',
  quiesced: "judged in the agent's sandbox after all its processes were ended",
  'shared-live': 'judged beside processes that the agent left running, as the task asks',
  'self-reported': "said by the image's own entrypoint; no tests are held back",
};

export function register(group: Command, context: CliContext): void {
  apiCommand(group, 'show <id>')
    .description('show what became of a rollout')
    .option('--json', 'print JSON', false)
    .action((id: string, flags: Flags) => show(context, id, flags));
}

async function show(context: CliContext, id: string, { json, ...server }: Flags): Promise<void> {
  const client = await clientFor(context, server);
  const rollout = await client.rollout(id);
  if (json) return sayJson(rollout);
  for (const line of describe(rollout)) say(line);
  say();
  const more = isClosed(rollout.status) ? ['trace', 'logs', 'artifacts'] : ['logs', 'trace', 'cancel'];
  say(`More: ${more.map((word) => `${context.prefix} rollout ${word} ${id}`).join(', ')}`);
}

function describe(rollout: RolloutResponse): string[] {
  const { reward_info: earned, timings, usage, attempts, failure } = rollout;
  const story = failure ? explainFailure(failure.class, rollout.id) : undefined;
  const several = Object.entries(earned.outcome_objectives ?? {});
  return [
    `Rollout ${paint('bold', rollout.id)}`,
    ...facts(
      [
        ['status', paintStatus(paint, rollout.status)],
        ['reward', paint('bold', reward(earned.outcome_reward))],
        ...(several.length > 1
          ? [['rewards', several.map(([name, value]) => `${name} ${reward(value)}`).join(', ')] as const]
          : []),
        ...(rollout.trust ? [['trust', `${rollout.trust}: ${trust[rollout.trust] ?? ''}`] as const] : []),
        ['deployment', `${rollout.deployment}, generation ${rollout.generation}`],
        ['seed', rollout.seed === null ? '-' : String(rollout.seed)],
        ['agent', `${rollout.agent}${rollout.model ? ` with ${rollout.model}` : ''}`],
        ['started', moment(rollout.created_at)],
        ['time', phases(timings)],
        ['LLM', calls(usage)],
        ...(attempts.length > 1 ? [['attempts', String(attempts.length)] as const] : []),
      ],
      paint,
    ),
    ...attempts.flatMap((one) =>
      attempts.length > 1 && one.failure
        ? [`    attempt ${one.attempt}: ${one.failure.class}: ${printable(one.failure.message)}`]
        : [],
    ),
    ...(failure ? ['', `${paint('red', failure.class)}: ${printable(failure.message)}`] : []),
    ...(story ? [`  ${story.meaning} ${story.advice}`] : []),
  ];
}

function phases(timings: RolloutResponse['timings']): string {
  const parts = [
    ['queued', timings.queued_s],
    ['sandbox', timings.provision_s],
    ['agent', timings.agent_s],
    ['tests', timings.evaluate_s],
  ] as const;
  const known = parts.flatMap(([name, seconds]) => (seconds === null ? [] : [`${name} ${duration(seconds)}`]));
  return `${duration(timings.total_s)}${known.length > 0 ? ` (${known.join(', ')})` : ''}`;
}

function calls(usage: RolloutResponse['usage']): string {
  const tokens = `${count(usage.input_tokens)} tokens in (${count(usage.cached_tokens)} cached), ${count(usage.output_tokens)} out`;
  return `${callCount(usage, 'call')}, ${tokens}, ${money(usage.cost_usd)}`;
}
