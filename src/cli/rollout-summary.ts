import { errorText, HarborError } from '../model/errors.ts';
import { explainFailure } from './failure-advice.ts';
import type { RolloutResponse } from '../model/responses.ts';
import { count, counted, duration, money, reward } from './format.ts';
import { type Paint, printable } from './output.ts';
import { rolloutTable } from './rollout-rows.ts';
import { type Column, table } from './table.ts';
import { hasEnded, type TrackedRollout } from './tracked-rollouts.ts';

/** Whether a number was earned, whatever it is. */
export function isScored({ latest }: TrackedRollout): boolean {
  return (latest?.reward_info.outcome_reward ?? null) !== null;
}

/** Over those that earned a number; null where none did. */
export function meanReward(rollouts: readonly TrackedRollout[]): number | null {
  const rewards = rollouts.flatMap(({ latest }) => latest?.reward_info.outcome_reward ?? []);
  return rewards.length === 0 ? null : rewards.reduce((sum, value) => sum + value, 0) / rewards.length;
}

/** The end of a run: a table, what went wrong with which, and the mean reward. */
export function summaryOf(rollouts: readonly TrackedRollout[], paint: Paint): string[] {
  const known = rollouts.flatMap(({ latest }) => latest ?? []);
  // Of those that somebody cancelled, or left to the server, nothing has to be explained.
  const unscored = rollouts.filter((one) => hasEnded(one) && !isScored(one) && one.state !== 'cancelled');
  const mean = meanReward(rollouts);
  const scored = rollouts.length - rollouts.filter((rollout) => !isScored(rollout)).length;
  return [
    ...(known.length > 0 ? [...rolloutTable(known, paint), ''] : []),
    ...comparisonOf(rollouts, paint),
    ...unscored.flatMap((rollout) => whyUnscored(rollout, paint)),
    `${counted(rollouts.length, 'rollout')}, ${scored} scored, mean reward ${paint('bold', reward(mean))}`,
  ];
}

/** What each of several policies came to, a line each. */
function comparisonOf(rollouts: readonly TrackedRollout[], paint: Paint): string[] {
  const byPolicy = Map.groupBy(rollouts, ({ policy }) => policy?.label ?? '');
  if (byPolicy.size < 2) return [];
  const rows = [...byPolicy].map(([label, ran]) => {
    const known = ran.flatMap(({ latest }) => latest ?? []);
    const costs = known.map(({ usage }) => usage.cost_usd);
    const total = (number: (one: RolloutResponse) => number) => known.reduce((sum, one) => sum + number(one), 0);
    return [
      label,
      `${ran.filter(isScored).length} of ${ran.length}`,
      paint('bold', reward(meanReward(ran))),
      count(total(({ usage }) => usage.llm_calls)),
      count(total(({ usage }) => usage.input_tokens)),
      count(total(({ usage }) => usage.output_tokens)),
      money(costs.includes(null) ? null : total(({ usage }) => usage.cost_usd ?? 0)),
      duration(known.length === 0 ? null : total(({ timings }) => timings.agent_s ?? 0) / known.length),
    ];
  });
  return [...table(policyColumns, rows, paint), ''];
}

const policyColumns: readonly Column[] = [
  { heading: 'POLICY' },
  { heading: 'SCORED', right: true },
  { heading: 'MEAN REWARD', right: true },
  { heading: 'LLM CALLS', right: true },
  { heading: 'TOKENS IN', right: true },
  { heading: 'OUT', right: true },
  { heading: 'COST', right: true },
  { heading: 'MEAN AGENT TIME', right: true },
];

function whyUnscored({ id, seed, policy, latest, error }: TrackedRollout, paint: Paint): string[] {
  const head = `${paint('red', '✗')} seed ${seed}${policy ? `, ${policy.label}` : ''}: `;
  if (error !== undefined) {
    const remedy = HarborError.isInstance(error) ? error.remedy : undefined;
    return [`${head}${errorText(error)}`, ...(remedy ? [`    ${remedy}`] : []), ''];
  }
  const failure = latest?.failure;
  if (!failure) return [`${head}no reward`, ''];
  const story = explainFailure(failure.class, id);
  return [
    `${head}${failure.class}: ${printable(failure.message)}`,
    ...(story ? [`    ${story.meaning} ${story.advice}`] : []),
    '',
  ];
}
