import type { Registry } from 'prom-client';
import type { Capacity } from '../model/capacity.ts';
import { gauge } from './metrics.ts';

/** What Temporal's worker has in hand, and how much it may have. */
export interface WorkerLoad {
  readonly activities: number;
  readonly activitySlots: number;
  /** Steps of workflows that are being worked out. */
  readonly workflowTasks: number;
  readonly cachedWorkflows: number;
}

export function measureWorker(load: () => WorkerLoad, { running, ...capacity }: Capacity, registry: Registry): void {
  const registers = [registry];
  gauge({
    name: 'harbor_worker_slots',
    help: "Temporal's slots for activities of this worker: used, and all.",
    labelNames: ['state'],
    registers,
    collect() {
      const { activities, activitySlots } = load();
      this.set({ state: 'used' }, activities);
      this.set({ state: 'all' }, activitySlots);
    },
  });
  gauge({
    name: 'harbor_worker_workflow_tasks',
    help: 'Steps of workflows that this worker is working out.',
    registers,
    collect() {
      this.set(load().workflowTasks);
    },
  });
  gauge({
    name: 'harbor_worker_cached_workflows',
    help: 'Workflows that this worker keeps in memory.',
    registers,
    collect() {
      this.set(load().cachedWorkflows);
    },
  });
  const places = gauge({
    name: 'harbor_capacity',
    help: 'What rollouts may hold at once: running (places), starting (places), cpu_cores, memory_mb.',
    labelNames: ['kind'],
    registers,
  });
  places.set({ kind: 'running' }, running);
  places.set({ kind: 'starting' }, capacity.starting);
  places.set({ kind: 'cpu_cores' }, capacity.cpuCores);
  places.set({ kind: 'memory_mb' }, capacity.memoryMb);
}
