import { ApplicationFailure } from '@temporalio/common';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { Histogram, type Registry } from 'prom-client';
import { isFailureClass } from '../model/failures.ts';
import { gauge, longSeconds } from './metrics.ts';

/** Measures activities around their work. */
export function activityMeter(registry: Registry): ActivityInterceptorsFactory {
  const registers = [registry];
  const running = gauge({
    name: 'harbor_activities_running',
    help: 'Activities that this worker works on.',
    labelNames: ['activity'],
    registers,
  });
  const seconds = new Histogram({
    name: 'harbor_activity_seconds',
    help: 'How long each try of an activity took. outcome: ok, a failure class, or interrupted (cancelled, handed over).',
    labelNames: ['activity', 'outcome'],
    buckets: longSeconds,
    registers,
  });
  return ({ info: { activityType: activity } }) => ({
    inbound: {
      execute(input, next) {
        running.inc({ activity });
        return untilTried(
          () => next(input),
          (outcome, ms) => {
            running.dec({ activity });
            seconds.observe({ activity, outcome }, ms / 1000);
          },
        );
      },
    },
  });
}

/** Works on a try of an activity, and says how it ended (`ok`, a failure class, or `interrupted`), and after how many milliseconds. */
export async function untilTried<T>(work: () => Promise<T>, ended: (outcome: string, ms: number) => void): Promise<T> {
  const startedAt = performance.now();
  let outcome = 'ok';
  try {
    return await work();
  } catch (error) {
    outcome = outcomeOf(error);
    throw error;
  } finally {
    ended(outcome, performance.now() - startedAt);
  }
}

/** `ok` aside: the class of the failure, or `interrupted`. */
function outcomeOf(error: unknown): string {
  if (!(error instanceof ApplicationFailure)) return 'interrupted';
  return isFailureClass(error.type) ? error.type : 'internal';
}
