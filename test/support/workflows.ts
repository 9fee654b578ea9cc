import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { pino } from 'pino';
import { afterAll, beforeAll } from 'vitest';
import type { Activities } from '../../src/activities/index.ts';
import { prepareTemporal } from '../../src/roles/temporal-setup.ts';
import { installTemporalLogger } from '../../src/roles/worker.ts';
import { startTemporal } from './temporal.ts';

/** The workflows as they are shipped; the set-up for tests builds them. */
export const workflowBundle = { codePath: fileURLToPath(new URL('../../dist/workflow-bundle.js', import.meta.url)) };

/** A real Temporal server for a file of tests that drives workflows with activities of its own. */
export function useWorkflows(): () => { run: typeof run; client: Client } {
  const held = new AsyncDisposableStack();
  let parts: { connection: NativeConnection; client: Client } | undefined;
  beforeAll(async () => {
    installTemporalLogger(pino({ level: 'silent' }));
    const server = await startTemporal();
    held.defer(() => server.stop());
    const connection = await NativeConnection.connect({ address: server.address });
    held.defer(() => connection.close());
    const plain = await Connection.connect({ address: server.address });
    held.defer(() => plain.close());
    const client = new Client({ connection: plain });
    await prepareTemporal(client);
    parts = { connection, client };
  });
  afterAll(() => held.disposeAsync());

  /** Has a worker with these activities while `work` lasts; a task queue of its own keeps others away. */
  async function run<T>(activities: Partial<Activities>, work: (taskQueue: string) => Promise<T>): Promise<T> {
    if (!parts) throw new Error('the server is not started yet');
    const taskQueue = `test-${randomUUID()}`;
    const worker = await Worker.create({ connection: parts.connection, taskQueue, workflowBundle, activities });
    return worker.runUntil(work(taskQueue));
  }

  return () => {
    if (!parts) throw new Error('the server is not started yet');
    return { run, client: parts.client };
  };
}
