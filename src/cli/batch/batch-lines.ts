import type { BatchFigures } from '../../model/batch-event-responses.ts';
import { count, counted, duration, money } from '../format.ts';
import { type Paint, paintStatus } from '../output.ts';
import { facts } from '../table.ts';

type Mean = Pick<BatchFigures, 'mean_reward' | 'mean_low' | 'mean_high'>;

/** How many of a batch's cells have come to what. */
export function tally({ planned, counts }: BatchFigures) {
  const sum = (byName: Readonly<Partial<Record<string, number>>>) =>
    Object.values(byName).reduce<number>((total, one = 0) => total + one, 0);
  const unscored = sum(counts.failed) + counts.cancelled;
  return { planned, scored: counts.scored, unscored, ended: counts.scored + unscored, open: sum(counts.open) };
}

/** Whether all that was planned has a reward. */
export function isWhole(batch: BatchFigures): boolean {
  return batch.status === 'completed' && batch.counts.scored === batch.planned;
}

/** What a person wants to know of a batch, a line each. */
export function batchLines(batch: BatchFigures, paint: Paint): string[] {
  const { planned, scored, open } = tally(batch);
  const { cancelled, not_started: rest } = batch.counts;
  const parts = [
    `${count(scored)} scored`,
    ...(open > 0 ? [`${count(open)} open`] : []),
    ...(cancelled > 0 ? [`${count(cancelled)} cancelled`] : []),
    ...(rest > 0 ? [`${count(rest)} not started`] : []),
  ];
  return facts(
    [
      ['status', statusText(batch, paint)],
      ['planned', `${count(planned)}: ${parts.join(', ')}`],
      ['no reward', failedText(batch, paint) || 'none'],
      ['reward', paint('bold', meanText(batch))],
      ...policyRows(batch),
      ['spent', spentText(batch)],
      ['attempts', `${count(batch.attempts)}${queueText(batch)}`],
      ...(batch.eta_s === null ? [] : [['time left', `about ${duration(batch.eta_s)}`] as const]),
    ],
    paint,
  );
}

export function statusText({ status, stop_reason: reason }: BatchFigures, paint: Paint): string {
  const shown = paintStatus(paint, status);
  return reason === null ? shown : `${shown}, stopped by ${paint('yellow', reason)}`;
}

/** `3 sandbox_lost, 1 agent_timeout`; empty where none failed. */
export function failedText({ counts }: BatchFigures, paint: Paint): string {
  const classes = Object.entries(counts.failed).toSorted(([, one], [, other]) => other - one);
  return classes.map(([name, many]) => paint('red', `${count(many)} ${name}`)).join(', ');
}

/** `0.713 (95 %: 0.681 to 0.745)`. */
export function meanText({ mean_reward: mean, mean_low: low, mean_high: high }: Mean): string {
  if (mean === null) return 'none yet';
  return low === null || high === null ? fixed(mean) : `${fixed(mean)} (95 %: ${fixed(low)} to ${fixed(high)})`;
}

/** `$12.31, 8,123 calls, 1,200,000 tokens`. */
export function spentText(batch: BatchFigures): string {
  const { cost_usd: usd, unpriced_calls: unpriced, llm_calls: calls, tokens } = batch;
  const more = unpriced > 0 ? ` and ${counted(unpriced, 'call')} without a known price` : '';
  return `${money(usd)}${more}, ${counted(calls, 'call')}, ${counted(tokens, 'token')}`;
}

/** Each policy's name with its mean and pass@k; of a single one without a name only pass@k is worth a line. */
export function policyRows({ policies }: BatchFigures): (readonly [string, string])[] {
  return policies.map((policy) => {
    const rates = Object.entries(policy.pass_at).map(([k, rate]) => `pass@${k} ${fixed(rate)}`);
    const name = policy.name ?? [policy.agent, ...(policy.model === null ? [] : [policy.model])].join(':');
    return [name, [...(policies.length > 1 ? [meanText(policy)] : []), ...rates].join(', ') || '-'];
  });
}

/** All with as many decimals, so that they do not jump about while they change. */
const fixed = (value: number): string => value.toFixed(3);

function queueText({ queued_s: seconds }: BatchFigures): string {
  return seconds === null ? '' : `, ${duration(seconds)} in the queue on average`;
}
