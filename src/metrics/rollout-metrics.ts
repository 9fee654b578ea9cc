import { Histogram, type Registry } from 'prom-client';
import { failures } from '../model/failures.ts';
import type { RolloutRow, RolloutStore } from '../store/rollouts.ts';
import { counter, longSeconds } from './metrics.ts';

/** The same store; each rollout that this process closes is counted, once. */
export function meteredRollouts(rollouts: RolloutStore, registry: Registry): RolloutStore {
  const count = closingCounter(registry);
  return {
    ...rollouts,
    async close(id, workflowRunId, status, result) {
      const closed = await rollouts.close(id, workflowRunId, status, result);
      if (closed) count(closed);
      return closed;
    },
  };
}

function closingCounter(registry: Registry): (row: RolloutRow) => void {
  const registers = [registry];
  const closed = counter({
    name: 'harbor_rollouts_closed_total',
    help: 'Rollouts that this worker closed. fault: whose doing a failure is, or none.',
    labelNames: ['status', 'failure_class', 'fault', 'agent'],
    registers,
  });
  const stages = new Histogram({
    name: 'harbor_rollout_seconds',
    help: 'What closed rollouts spent in each stage: queued, provision, agent, evaluate, and total.',
    labelNames: ['stage'],
    buckets: longSeconds,
    registers,
  });
  return ({ status, failureClass, agent, result }) => {
    const fault = failureClass === null ? 'none' : failures[failureClass].fault;
    closed.inc({ status, failure_class: failureClass ?? 'none', fault, agent });
    for (const [stage, seconds] of Object.entries(result?.timings ?? {})) {
      if (seconds !== null) stages.observe({ stage: stage.replace(/_s$/, '') }, seconds);
    }
  };
}
