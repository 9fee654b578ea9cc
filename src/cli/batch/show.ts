import type { Command } from 'commander';
import type { BatchResponse } from '../../model/batch-responses.ts';
import { apiCommand, type CliContext, clientFor, type ServerFlags } from '../context.ts';
import { paint, say, sayJson } from '../output.ts';
import { facts } from '../table.ts';

interface Flags extends ServerFlags {
  readonly json: boolean;
}

export function register(group: Command, context: CliContext): void {
  apiCommand(group, 'show <id>')
    .description('what a batch has come to so far')
    .option('--json', 'print JSON', false)
    .action((id: string, flags: Flags) => show(context, id, flags));
}

async function show(context: CliContext, id: string, { json, ...server }: Flags): Promise<void> {
  const batch = await (await clientFor(context, server)).batch(id);
  if (json) return sayJson(batch);
  for (const line of batchLines(batch)) say(line);
}

/** What a person wants to know of a batch, a line each. */
function batchLines(batch: BatchResponse): string[] {
  const { scored, failed, cancelled, open, not_started: rest } = batch.counts;
  const lost = Object.entries(failed).map(([name, count]) => `${count} ${name}`);
  const running = Object.values(open).reduce((sum, count) => sum + count, 0);
  return facts(
    [
      ['status', batch.stop_reason === null ? batch.status : `${batch.status}, stopped: ${batch.stop_reason}`],
      ['planned', `${batch.planned}: ${scored} scored, ${running} open, ${cancelled} cancelled, ${rest} not started`],
      ['failed', lost.join(', ') || 'none'],
      ['reward', meanText(batch)],
      ...batch.policies.map((policy): readonly [string, string] => [
        policy.name ?? policy.model ?? policy.agent,
        [meanText(policy), ...Object.entries(policy.pass_at).map(([k, rate]) => `pass@${k} ${rate.toFixed(3)}`)].join(
          ', ',
        ),
      ]),
      ['cost', `$${batch.cost_usd.toFixed(4)}, ${batch.llm_calls} calls, ${batch.tokens} tokens`],
      ['time left', batch.eta_s === null ? 'not known' : `about ${Math.ceil(batch.eta_s)} s`],
    ],
    paint,
  );
}

function meanText({
  mean_reward: mean,
  mean_low: low,
  mean_high: high,
}: Omit<BatchResponse['policies'][number], 'name'> | BatchResponse): string {
  if (mean === null) return 'none yet';
  return low === null || high === null
    ? mean.toFixed(3)
    : `${mean.toFixed(3)} (95 %: ${low.toFixed(3)} to ${high.toFixed(3)})`;
}
