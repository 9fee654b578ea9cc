import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { beforeAll, describe, expect, test } from 'vitest';
import { agentLogId, testsLogId } from '../../src/model/ids.ts';
import { useApi } from '../support/api.ts';
import { readyDeployment } from '../support/deployment.ts';
import { endRollout, roomFor, run } from '../support/rollout.ts';

const api = useApi();

const append = (logId: string, offset: number, text: string) =>
  api().store.logs.append(logId, offset, Buffer.from(text));

/** What comes of an answer, up to so many characters. */
async function read(response: IncomingMessage, characters: number): Promise<string> {
  let text = '';
  response.setEncoding('utf8');
  while (text.length < characters) {
    const piece: unknown = response.read();
    if (typeof piece === 'string') text += piece;
    else if (response.readableEnded) return text;
    else await Promise.race([once(response, 'readable'), once(response, 'end')]);
  }
  return text;
}

describe('the log of a build', () => {
  async function newBuild(name: string): Promise<string> {
    const deployment = await readyDeployment(api().store, { name });
    return (await api().store.deployments.rebuild(deployment, {}, true)).buildId;
  }

  test('is followed from before it begins until its build has ended', async () => {
    const { deployments } = api().store;
    const build = await newBuild('followed');
    const response = await api().open(`/api/harbor/deployments/followed/builds/${build}/logs?follow=1`);
    await append('log-1', 0, 'Step 1\n');
    await deployments.setBuildLog(build, 'log-1');
    expect(await read(response, 7)).toBe('Step 1\n');
    await append('log-1', 7, 'Step 2\n');
    await deployments.endBuild(build, { status: 'failed', errorMessage: 'no' });
    expect(await read(response, Infinity)).toBe('Step 2\n');
  });

  test('is over at once where nothing had to be built', async () => {
    const build = await newBuild('cached');
    await api().store.deployments.endBuild(build, { status: 'completed', snapshotName: 's', cached: true });
    expect(await api().ask(`/api/harbor/builds/${build}/logs?follow=1`)).toMatchObject({ status: 200, text: '' });
  });

  test('is given as it stands, from any byte on', async () => {
    const build = await newBuild('standing');
    await append('log-2', 0, '0123456789');
    await api().store.deployments.setBuildLog(build, 'log-2');
    const log = (query: string) => api().ask(`/api/harbor/deployments/standing/builds/${build}/logs${query}`);
    expect((await log('')).text).toBe('0123456789');
    expect((await log('?offset=4')).text).toBe('456789');
    expect((await log('?offset=99')).text).toBe('');
  });
});

describe('the log of a rollout', () => {
  const logs = (id: string, query = '') => `/api/harbor/rollouts/${id}/logs${query}`;

  beforeAll(() => readyDeployment(api().store, { name: 'talking', facts: { hasRunRollout: true } }));

  /** A rollout in its first attempt. */
  async function newRollout(id: string): Promise<void> {
    const { rollouts } = api().store;
    await api().ask('/api/harbor/deployments/talking/rollout', {
      body: { rollout_id: id },
      headers: { prefer: 'respond-async' },
    });
    await rollouts.admit(id, run('run'), roomFor(1000));
    await enter(id, 1);
  }

  async function enter(id: string, attempt: number): Promise<void> {
    await api().store.attempts.begin(id, attempt, `box-${attempt}`);
    await api().store.rollouts.enter(id, 'run', 'running', attempt);
  }

  test('is plain text, which no browser takes for anything else', async () => {
    await newRollout('plain');
    const { headers } = await api().ask(logs('plain'));
    expect(headers).toMatchObject({ 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' });
  });

  test('is followed to the end of the rollout', async () => {
    await newRollout('followed');
    const response = await api().open(logs('followed', '?follow=1'));
    await append(agentLogId('followed', 1), 0, 'hello\n');
    expect(await read(response, 6)).toBe('hello\n');
    await endRollout(api().store, 'followed');
    expect(await read(response, Infinity)).toBe('');
  });

  test('is that of one attempt: following it ends where another attempt begins', async () => {
    await newRollout('retried');
    await append(agentLogId('retried', 1), 0, 'first attempt\n');
    const response = await api().open(logs('retried', '?follow=1'));
    expect(await read(response, 14)).toBe('first attempt\n');
    await enter('retried', 2);
    await append(agentLogId('retried', 2), 0, 'second attempt says more\n');
    await api().store.attempts.end('retried', 1, { class: 'sandbox_lost', message: 'gone' });
    expect(await read(response, Infinity)).toBe('');
    expect((await api().ask(logs('retried'))).text).toBe('second attempt says more\n');
    expect((await api().ask(logs('retried', '?attempt=1'))).text).toBe('first attempt\n');
  });

  test('has the agent and the tests apart', async () => {
    await newRollout('apart');
    await append(agentLogId('apart', 1), 0, 'agent');
    await append(testsLogId('apart', 1), 0, 'tests');
    expect((await api().ask(logs('apart', '?stream=tests'))).text).toBe('tests');
    expect((await api().ask(logs('apart', '?stream=agent'))).text).toBe('agent');
  });

  test.each(['stream=both', 'attempt=0', 'attempt=last', 'follow=maybe', 'offset=-1'])(
    'is refused with %s',
    async (query) => {
      await newRollout(`refused-${query.replaceAll('=', '-')}`);
      expect((await api().ask(logs(`refused-${query.replaceAll('=', '-')}`, `?${query}`))).status).toBe(400);
    },
  );

  test('answers HEAD at once, also where it would be followed', async () => {
    await newRollout('head');
    expect(await api().ask(logs('head', '?follow=1'), { method: 'HEAD' })).toMatchObject({ status: 200, text: '' });
  });
});
