import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import type { Logger } from 'pino';
import { untilTried } from '../metrics/activity-metrics.ts';

/** What has an id that people ask for; all else runs every few seconds, and is for who looks for a fault. */
const worthTelling = /^(rollout|build|deployment)\/(.+)$/;

/** One line for each try of an activity: of which rollout or build, how it ended, and how long it took. */
export function activityLog(logger: Logger): ActivityInterceptorsFactory {
  return ({ info }) => ({
    inbound: {
      execute: (input, next) =>
        untilTried(
          () => next(input),
          (outcome, ms) => {
            const workflow = info.workflowExecution?.workflowId ?? '';
            const [, kind, id] = worthTelling.exec(workflow) ?? [];
            const line = {
              ...(kind === undefined ? { workflow } : { [kind]: id }),
              activity: info.activityType,
              try: info.attempt,
              outcome,
              ms: Math.round(ms),
            };
            logger[kind === undefined ? 'debug' : 'info'](line, 'an activity ended');
          },
        ),
    },
  });
}
