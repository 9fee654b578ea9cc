import type { Registry } from 'prom-client';
import type { InterceptorAdmin } from '../interceptor/admin-client.ts';
import { counter, gauge } from './metrics.ts';

/** Milliseconds that a scrape waits for the process that streams. */
const patienceMs = 1_000;

/** What the process that streams says of itself: it has no library for that, and is asked at each scrape. */
export function measureInterceptor(admin: InterceptorAdmin, registry: Registry): void {
  const registers = [registry];
  const ask = oncePerTick(() => admin.health(AbortSignal.timeout(patienceMs)).catch(() => undefined));
  gauge({
    name: 'harbor_interceptor_up',
    help: 'Whether the process that streams answers.',
    registers,
    async collect() {
      this.set((await ask()) ? 1 : 0);
    },
  });
  gauge({
    name: 'harbor_llm_calls_open',
    help: 'LLM calls whose answer is not complete.',
    registers,
    async collect() {
      const health = await ask();
      this.remove({});
      if (health) this.set(health.openCalls);
    },
  });
  gauge({
    name: 'harbor_interceptor_memory_bytes',
    help: 'Resident memory of the process that streams.',
    registers,
    async collect() {
      const health = await ask();
      this.remove({});
      if (health) this.set(health.memoryBytes);
    },
  });
  counter({
    name: 'harbor_interceptor_cpu_seconds_total',
    help: 'CPU time of the process that streams, since its start.',
    registers,
    async collect() {
      const health = await ask();
      this.remove({});
      if (health) this.inc(health.cpuSeconds);
    },
  });
}

/** All that is collected for one scrape asks in one breath. */
function oncePerTick<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined;
  return () => {
    if (!asked) {
      asked = ask();
      setImmediate(() => (asked = undefined));
    }
    return asked;
  };
}
