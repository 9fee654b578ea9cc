import { EventEmitter, once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { expect, onTestFinished, test } from 'vitest';
import { type Child, childLogFile, type ChildSpec, ensureChild, stopChild } from '../../src/embedded/child.ts';
import { childStateFile, readChildState } from '../../src/embedded/child-state.ts';
import type { Home } from '../../src/embedded/home.ts';
import { isRunning, membersOfSession } from '../../src/embedded/process-identity.ts';
import { type ChildEvent, superviseChild } from '../../src/embedded/supervise.ts';
import { HarborError } from '../../src/model/errors.ts';
import { program } from './support/spawn.ts';
import { freePort, temporaryHome } from './support/temporary.ts';

const { signal } = new AbortController();

/** A child that answers on a port. */
async function serving(role = 'serve'): Promise<ChildSpec> {
  const port = await freePort();
  return {
    name: 'served',
    command: [...program, role, String(port)],
    env: process.env,
    tag: 'one',
    accepts: (tag) => tag === 'one',
    isHealthy: async (within) => (await fetch(`http://127.0.0.1:${port}`, { signal: within })).ok,
  };
}

/** Supervises a child as long as the test runs; emits what happens to it. */
function supervise(home: Home, child: Child): EventEmitter<Record<ChildEvent['kind'], [ChildEvent]>> {
  const events = new EventEmitter<Record<ChildEvent['kind'], [ChildEvent]>>();
  const stop = new AbortController();
  const over = superviseChild(home, child, (event) => void events.emit(event.kind, event), stop.signal);
  onTestFinished(async () => {
    stop.abort();
    await over;
  });
  return events;
}

test('a child that runs and answers is adopted by the next parent', async () => {
  const home = await temporaryHome();
  const spec = await serving();
  const first = await ensureChild(home, spec, signal);
  expect(await ensureChild(home, spec, signal)).toMatchObject({ adopted: true, identity: first.identity });
});

test('a child that was started otherwise than it should be now is replaced', async () => {
  const home = await temporaryHome();
  const spec = await serving();
  const first = await ensureChild(home, spec, signal);
  const second = await ensureChild(home, { ...spec, tag: 'two', accepts: (tag) => tag === 'two' }, signal);
  expect([second.adopted, isRunning(first.identity)]).toEqual([false, false]);
});

test('a child is not replaced against an objection', async () => {
  const home = await temporaryHome();
  const spec = await serving();
  const first = await ensureChild(home, spec, signal);
  const picky: ChildSpec = { ...spec, accepts: () => false, objection: () => new HarborError('internal', 'not now') };
  await expect(ensureChild(home, picky, signal)).rejects.toBeDefined();
  expect(isRunning(first.identity)).toBe(true);
});

test('a namesake of a dead child is neither adopted nor ended', async () => {
  const home = await temporaryHome();
  const spec = await serving();
  const { identity } = await ensureChild(home, spec, signal);
  await stopChild(home, spec.name);
  // What an earlier boot left behind: this very process bears the id now.
  const stat = `${process.pid} (node) S 1 ${process.pid} ${process.pid} ${'0 '.repeat(15)}1`;
  await writeFile(childStateFile(home.files.run, spec.name), JSON.stringify({ boot: 'earlier', stat, tag: 'one' }));
  const next = await ensureChild(home, spec, signal);
  expect([next.adopted, next.identity.pid === identity.pid]).toEqual([false, false]);
});

test('the state file tells the very process that runs', async () => {
  const home = await temporaryHome();
  const { identity } = await ensureChild(home, await serving(), signal);
  expect(await readChildState(childStateFile(home.files.run, 'served'))).toEqual({ identity, tag: 'one' });
});

test('a child that dies at its start is an error that quotes its log', async () => {
  const home = await temporaryHome();
  const spec: ChildSpec = { ...(await serving()), command: ['/bin/sh', '-c', 'echo no such luck; exit 3'] };
  await expect(ensureChild(home, spec, signal)).rejects.toThrow('served ended at its start:\nno such luck');
});

test('an aborted start leaves nothing running', async () => {
  const home = await temporaryHome();
  const stop = new AbortController();
  const spec: ChildSpec = {
    ...(await serving()),
    isHealthy: () => {
      stop.abort();
      return Promise.resolve(false);
    },
  };
  await expect(ensureChild(home, spec, stop.signal)).rejects.toThrow('aborted');
  const state = await readChildState(childStateFile(home.files.run, spec.name));
  expect(state && membersOfSession(state.identity)).toEqual([]);
});

test('a log is begun anew at a start when it has grown large', async () => {
  const home = await temporaryHome();
  const log = childLogFile(home, 'served');
  await writeFile(log, Buffer.alloc(17 * 1024 * 1024, 'x'));
  const spec: ChildSpec = { ...(await serving()), command: ['/bin/sh', '-c', 'echo new; exit 1'] };
  await expect(ensureChild(home, spec, signal)).rejects.toThrow(':\nnew');
});

test('a killed child is started again', async () => {
  const home = await temporaryHome();
  const child = await ensureChild(home, await serving(), signal);
  const restarted = once(supervise(home, child), 'restarted');
  process.kill(child.identity.pid, 'SIGKILL');
  const [event] = await restarted;
  expect(event).not.toMatchObject({ pid: child.identity.pid });
});

test('an adopted child is watched like an own one', async () => {
  const home = await temporaryHome();
  const spec = await serving();
  await ensureChild(home, spec, signal);
  const adopted = await ensureChild(home, spec, signal);
  const restarted = once(supervise(home, adopted), 'restarted');
  process.kill(adopted.identity.pid, 'SIGKILL');
  const [event] = await restarted;
  expect(event).not.toMatchObject({ pid: adopted.identity.pid });
});

test('a restart that fails is told, and tried again', async () => {
  const home = await temporaryHome();
  const child = await ensureChild(home, await serving(), signal);
  const objections = [new HarborError('internal', 'not yet')];
  const events = supervise(home, { ...child, spec: { ...child.spec, objection: () => objections.pop() } });
  const outcomes = Promise.all([once(events, 'restart-failed'), once(events, 'restarted')]);
  process.kill(child.identity.pid, 'SIGKILL');
  const [[failed]] = await outcomes;
  expect(failed).toMatchObject({ name: 'served', error: expect.objectContaining({ message: 'not yet' }) });
});

test('stopping ends the whole group, those that ignore SIGTERM too', async () => {
  const home = await temporaryHome();
  const spec = await serving('stubborn');
  const guarded: ChildSpec = { ...spec, command: [...program, 'guard', ...spec.command] };
  const { identity } = await ensureChild(home, guarded, signal);
  expect(membersOfSession(identity).length).toBeGreaterThan(1);
  await stopChild(home, spec.name);
  expect(membersOfSession(identity)).toEqual([]);
});

test('stopping ends what a dead leader left behind', async () => {
  const home = await temporaryHome();
  const spec = await serving();
  const guarded: ChildSpec = { ...spec, command: [...program, 'guard', ...spec.command] };
  const { identity } = await ensureChild(home, guarded, signal);
  process.kill(identity.pid, 'SIGKILL');
  await expect.poll(() => isRunning(identity)).toBe(false);
  expect(membersOfSession(identity)).not.toEqual([]);
  await stopChild(home, spec.name);
  expect(membersOfSession(identity)).toEqual([]);
});

test('stopping what does not run is nothing', async () => {
  await expect(stopChild(await temporaryHome(), 'served')).resolves.toBeUndefined();
});
