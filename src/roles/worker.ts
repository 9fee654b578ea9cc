import { fileURLToPath } from 'node:url';
import {
  type ActivityInterceptorsFactory,
  DefaultLogger,
  type LogLevel,
  type NativeConnection,
  Runtime,
  Worker,
} from '@temporalio/worker';
import type { Logger } from 'pino';
import type { Activities } from '../activities/index.ts';
import type { WorkerLoad } from '../metrics/worker-metrics.ts';
import { taskQueue } from '../model/ids.ts';

/** Made by the build: every workflow, ready to run. */
const workflowBundle = fileURLToPath(new URL('../workflow-bundle.js', import.meta.url));

/** Seconds in which running activities let go of their work when the worker stops; it goes on elsewhere. */
const shutdownSeconds = 10;

/** Workflows kept in memory between their tasks; about 1 MB each. More are replayed from their history. */
const cachedWorkflows = 300;

export interface WorkerOptions {
  readonly connection: NativeConnection;
  readonly activities: Activities;
  /** Activities at once: each running rollout needs one, and builds and closings come on top. */
  readonly activitySlots: number;
  /** What goes around activities: measures and logs them. */
  readonly around: readonly ActivityInterceptorsFactory[];
}

export interface RunningWorker {
  /** Rejects when the worker dies of itself. */
  readonly done: Promise<void>;
  load(): WorkerLoad;
  stop(): Promise<void>;
}

/** Runs workflows and activities from the task queue `harbor` until it is stopped. */
export async function startWorker({
  connection,
  activities,
  activitySlots,
  around,
}: WorkerOptions): Promise<RunningWorker> {
  const worker = await Worker.create({
    connection,
    taskQueue,
    workflowBundle: { codePath: workflowBundle },
    activities,
    maxCachedWorkflows: cachedWorkflows,
    maxConcurrentActivityTaskExecutions: activitySlots,
    // A cancel reaches an activity with the answer to its next heartbeat.
    maxHeartbeatThrottleInterval: '2 seconds',
    defaultHeartbeatThrottleInterval: '2 seconds',
    interceptors: { activity: [...around] },
    shutdownGraceTime: 0,
    shutdownForceTime: `${shutdownSeconds} seconds`,
  });
  const done = worker.run();
  done.catch(() => {});
  return {
    done,
    load() {
      const status = worker.getStatus();
      return {
        activities: status.numInFlightActivities,
        activitySlots,
        workflowTasks: status.numInFlightWorkflowActivations,
        cachedWorkflows: status.numCachedWorkflows,
      };
    },
    async stop() {
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await done;
    },
  };
}

/** Sends what the SDK's core has to say into our log. Once per process, before the first connection. */
export function installTemporalLogger(logger: Logger): void {
  const level: Record<LogLevel, 'trace' | 'debug' | 'info' | 'warn' | 'error'> = {
    TRACE: 'trace',
    DEBUG: 'debug',
    INFO: 'debug',
    WARN: 'warn',
    ERROR: 'error',
  };
  Runtime.install({
    logger: new DefaultLogger('WARN', ({ level: from, message, meta }) => logger[level[from]]({ ...meta }, message)),
    // Signals are this process's own business: it pauses sandboxes before it lets workers go.
    shutdownSignals: [],
  });
}
