import { EventEmitter, once } from 'node:events';
import { Client, Connection } from '@temporalio/client';
import { expect, onTestFinished, test } from 'vitest';
import { type Child, stopChild } from '../../src/embedded/child.ts';
import type { Home } from '../../src/embedded/home.ts';
import { silent } from '../../src/embedded/progress.ts';
import { superviseChild } from '../../src/embedded/supervise.ts';
import { ensureTemporal, type TemporalServer } from '../../src/embedded/temporal.ts';
import { ensureTemporalCli } from '../../src/embedded/temporal-cli.ts';
import { temporaryHome } from './support/temporary.ts';

const { signal } = new AbortController();

function ensure(home: Home, env: NodeJS.ProcessEnv = process.env): Promise<TemporalServer> {
  const binary = async (): Promise<string> => (await ensureTemporalCli(env, silent, signal)).path;
  return ensureTemporal({ home, binary, env, signal });
}

async function connect({ address }: TemporalServer): Promise<Client> {
  const connection = await Connection.connect({ address });
  onTestFinished(() => connection.close());
  return new Client({ connection });
}

function ownChild({ child }: TemporalServer): Child {
  if (!child) throw new Error('the server is not ours');
  return child;
}

async function startWorkflow(client: Client): Promise<void> {
  await client.workflow.start('nobody-works-on-it', { taskQueue: 'none', workflowId: 'kept' });
}

test('a server that is ready takes a workflow', async () => {
  const client = await connect(await ensure(await temporaryHome()));
  await startWorkflow(client);
  expect(await client.workflow.getHandle('kept').describe()).toMatchObject({ status: { name: 'RUNNING' } });
});

test('a stopped server is started again on the same ports with what it knew', async () => {
  const home = await temporaryHome();
  const first = await ensure(home);
  await startWorkflow(await connect(first));
  await stopChild(home, 'temporal');
  const second = await ensure(home);
  expect(second.address).toBe(first.address);
  const client = await connect(second);
  expect(await client.workflow.getHandle('kept').describe()).toMatchObject({ status: { name: 'RUNNING' } });
});

test('a killed server comes back with what it knew', async () => {
  const home = await temporaryHome();
  const server = await ensure(home);
  const child = ownChild(server);
  await startWorkflow(await connect(server));
  const events = new EventEmitter();
  const stop = new AbortController();
  const over = superviseChild(home, child, ({ kind }) => void events.emit(kind), stop.signal);
  const restarted = once(events, 'restarted');
  process.kill(child.identity.pid, 'SIGKILL');
  await restarted;
  stop.abort();
  await over;
  const client = await connect(server);
  expect(await client.workflow.getHandle('kept').describe()).toMatchObject({ status: { name: 'RUNNING' } });
});

test('the UI answers', async () => {
  const { uiUrl } = await ensure(await temporaryHome());
  expect((await fetch(String(uiUrl))).status).toBe(200);
});

test('where TEMPORAL_ADDRESS names a server, none is started', async () => {
  const server = await ensure(await temporaryHome(), { TEMPORAL_ADDRESS: 'temporal.example:7233' });
  expect(server).toEqual({ address: 'temporal.example:7233', uiUrl: null, child: undefined });
});

test('a running server is adopted', async () => {
  const home = await temporaryHome();
  const first = await ensure(home);
  const second = await ensure(home);
  expect(ownChild(second)).toMatchObject({ adopted: true, identity: ownChild(first).identity });
});
