import { errorText, HarborError } from '../model/errors.ts';
import { explainFailure } from './failure-advice.ts';
import { counted, reward } from './format.ts';
import { type Paint, printable } from './output.ts';
import { rolloutTable } from './rollout-rows.ts';
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
    ...unscored.flatMap((rollout) => whyUnscored(rollout, paint)),
    `${counted(rollouts.length, 'rollout')}, ${scored} scored, mean reward ${paint('bold', reward(mean))}`,
  ];
}

function whyUnscored({ id, seed, latest, error }: TrackedRollout, paint: Paint): string[] {
  const head = `${paint('red', '✗')} seed ${seed}: `;
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
