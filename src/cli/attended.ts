import { ApiError } from '../sdk/errors.ts';
import { counted } from './format.ts';
import type { CliContext } from './context.ts';
import { interrupts } from './interrupts.ts';
import { showLive } from './live.ts';
import { note, paintError } from './output.ts';
import { patience } from './patience.ts';
import { rolloutRow } from './rollout-rows.ts';
import { isUnderWay, type TrackedRollout, type Tracking, trackRollouts } from './tracked-rollouts.ts';

/** Seconds in which a second Ctrl-C cancels what the first one left running. */
const graceSeconds = 5;

export type Job = Pick<Tracking, 'client' | 'deployment' | 'request' | 'concurrency'>;

/**
 * Runs rollouts to their ends and shows how they go. Ctrl-C leaves those that run to the server and says how to go on; a
 * second one cancels them.
 */
export async function attended(
  { prefix }: CliContext,
  rollouts: readonly TrackedRollout[],
  job: Job,
): Promise<'ended' | 'interrupted'> {
  using ctrlC = interrupts();
  const left = ctrlC.next();
  await trackShown(rollouts, job, left);
  if (!left.aborted) return 'ended';

  const running = rollouts.filter(isUnderWay);
  const unasked = rollouts.filter(({ state }) => state === 'waiting').length;
  note(
    `\n${counted(running.length, 'rollout')} left running at the server.${unasked > 0 ? ` ${unasked} not started.` : ''}`,
  );
  if (running.length === 0) return 'interrupted';
  note(`  To see how they go: ${prefix} rollout list, ${prefix} rollout show ID`);
  note(`  To end one: ${prefix} rollout cancel ID`);
  note(`  To end them all: Ctrl-C again within ${graceSeconds} seconds`);
  if (await ctrlC.within(graceSeconds)) await cancelAll(rollouts, job, ctrlC.next());
  return 'interrupted';
}

/** Follows rollouts, with a line each. */
export async function trackShown(rollouts: readonly TrackedRollout[], job: Job, signal: AbortSignal): Promise<void> {
  const live = showLive(process.stderr, () => rollouts.map((rollout) => rolloutRow(rollout, paintError)));
  try {
    const reconnect = patience(signal);
    await trackRollouts(rollouts, { ...job, reconnect, onChange: () => live.refresh(), signal });
  } finally {
    live.end();
  }
}

/** Cancels what runs and waits until it has ended. */
export async function cancelAll(rollouts: readonly TrackedRollout[], job: Job, signal: AbortSignal): Promise<void> {
  const running = rollouts.filter(isUnderWay);
  if (running.length === 0) return;
  note(`Cancelling ${counted(running.length, 'rollout')}…`);
  await Promise.all(running.map((rollout) => cancel(rollout, job)));
  await trackShown(running.filter(isUnderWay), job, signal);
}

async function cancel(rollout: TrackedRollout, { client }: Job): Promise<void> {
  try {
    await client.cancel(rollout.id);
  } catch (error) {
    // The interruption was faster than the request that starts it.
    const neverArrived = error instanceof ApiError && error.status === 404;
    if (!neverArrived) throw error;
    rollout.state = 'waiting';
  }
}
