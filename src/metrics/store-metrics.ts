import type { Registry } from 'prom-client';
import { type FailureClass, failures } from '../model/failures.ts';
import type { Figures, FigureStore } from '../store/figures.ts';
import { gauge } from './metrics.ts';

/** Milliseconds for which figures are good: who asks more often gets the same. */
const freshMs = 5_000;
/** Milliseconds that a scrape waits for the database. */
const patienceMs = 3_000;

/**
 * What the store holds, as gauges: true whatever died, the same from every process that tells it. Without an answer of the
 * database they are left out, and `harbor_store_figures_up` is 0.
 */
export function measureStore(store: FigureStore, registry: Registry): void {
  const read = shared(() => store.read());
  const figure = <Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    values: (figures: Figures) => readonly (readonly [Partial<Record<Label, string>>, number])[],
  ) =>
    gauge<Label>({
      name,
      help,
      labelNames,
      registers: [registry],
      async collect() {
        const figures = await read();
        // What is not known is left out; a gauge without labels would stay, as 0.
        this.reset();
        this.remove({});
        for (const [labels, value] of figures ? values(figures) : []) this.set(labels, value);
      },
    });
  const failureNames = ['failure_class', 'fault'] as const;
  figure(
    'harbor_rollouts',
    'Rollouts in the store. fault: whose doing the failure is.',
    ['status', ...failureNames],
    ({ rollouts }) => rollouts.map((row) => [{ status: row.status, ...failureLabels(row.failureClass) }, row.n]),
  );
  figure(
    'harbor_attempts',
    'Ended attempts in the store; those with fault harbor or provider were lost to the infrastructure.',
    failureNames,
    ({ attempts }) => attempts.map((row) => [failureLabels(row.failureClass), row.n]),
  );
  figure('harbor_builds', 'Builds in the store.', ['status'], ({ builds }) =>
    builds.map(({ status, n }) => [{ status }, n]),
  );
  figure('harbor_batches', 'Batches in the store.', ['status'], ({ batches }) =>
    batches.map(({ status, n }) => [{ status }, n]),
  );
  figure('harbor_capacity_held', 'What rollouts hold of harbor_capacity.', ['kind'], ({ held }) => [
    [{ kind: 'running' }, held.n],
    [{ kind: 'starting' }, held.starting],
    [{ kind: 'cpu_cores' }, held.cpuCores],
    [{ kind: 'memory_mb' }, held.memoryMb],
  ]);
  figure('harbor_rollouts_waiting', 'Rollouts that wait for a place.', [], ({ waiting }) => [[{}, waiting]]);
  figure('harbor_rollouts_longest_wait_seconds', 'How long the oldest of them has waited.', [], (figures) => [
    [{}, figures.longestWaitSeconds],
  ]);
  gauge({
    name: 'harbor_store_figures_up',
    help: 'Whether the database gave the figures of this answer.',
    registers: [registry],
    async collect() {
      this.set((await read()) ? 1 : 0);
    },
  });
}

function failureLabels(failureClass: FailureClass | null) {
  return {
    failure_class: failureClass ?? 'none',
    fault: failureClass === null ? 'none' : failures[failureClass].fault,
  };
}

/** One question at a time, its answer good for a while; undefined where it failed or takes too long. */
function shared(ask: () => Promise<Figures>): () => Promise<Figures | undefined> {
  let asked: Promise<Figures | undefined> | undefined;
  let askedAt = -Infinity;
  return () => {
    if (!asked || performance.now() - askedAt >= freshMs) {
      askedAt = performance.now();
      // Only figures: what is wrong with the database is told, and logged, by all who need it.
      asked = ask().catch(() => undefined);
    }
    const late = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), patienceMs).unref());
    return Promise.race([asked, late]);
  };
}
