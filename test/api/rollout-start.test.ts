import { WorkflowNotFoundError } from '@temporalio/client';
import { beforeAll, describe, expect, test } from 'vitest';
import { rolloutWorkflowId, taskQueue } from '../../src/model/ids.ts';
import { parseJson } from '../../src/model/json.ts';
import { acceptedComparisonSchema, rolloutListSchema } from '../../src/model/responses.ts';
import { problemOf, useApi } from '../support/api.ts';
import { readyDeployment } from '../support/deployment.ts';
import { roomFor } from '../support/rollout.ts';

const api = useApi();
const path = '/api/harbor/deployments/starting/rollout';
const asynchronously = { prefer: 'respond-async' };

beforeAll(() => readyDeployment(api().store, { name: 'starting', facts: { hasRunRollout: true } }));

const start = (body: object) => api().ask(path, { body, headers: asynchronously });
const workflow = (id: string) => api().temporal.workflow.getHandle(rolloutWorkflowId(id));

describe('a repeat of a rollout request', () => {
  test('finds the first one whatever became of its deployment', async () => {
    await readyDeployment(api().store, { name: 'moved-on', facts: { hasRunRollout: true } });
    const ask = () =>
      api().ask('/api/harbor/deployments/moved-on/rollout', {
        body: { rollout_id: 'kept', env: { seed: 1 } },
        headers: asynchronously,
      });
    await ask();
    await api().ask('/api/harbor/deployments/moved-on/build', { body: { force: true } });
    expect((await ask()).status).toBe(202);
  });

  test('with another request is refused', async () => {
    await start({ rollout_id: 'taken', env: { seed: 1 } });
    const answer = await start({ rollout_id: 'taken', env: { seed: 2 } });
    expect(answer.status).toBe(409);
    expect(problemOf(answer)).toMatchObject({ code: 'conflict', remedy: 'Choose another rollout_id.' });
  });

  test('starts the workflow that the first one died before', async () => {
    const { ask } = await api().cutOff();
    await ask(path, { body: { rollout_id: 'interrupted' }, headers: asynchronously });
    await expect(workflow('interrupted').describe()).rejects.toThrow(WorkflowNotFoundError);
    expect((await start({ rollout_id: 'interrupted' })).status).toBe(202);
    expect(await workflow('interrupted').describe()).toMatchObject({ type: 'rollout', taskQueue });
  });
});

describe('several policies in one request', () => {
  const policies = [{ config: { model: 'gpt-5-mini' } }, { config: { model: 'gpt-4o' } }];

  test('become a rollout each, alike in all else, which a list finds by what they share', async () => {
    const answer = await start({ rollout_id: 'either', env: { seed: 5 }, policies });
    expect(answer.status).toBe(202);
    const { comparison_id: comparison, rollouts } = parseJson(answer.text, acceptedComparisonSchema);
    expect([comparison, ...rollouts.map(({ id }) => id)]).toEqual(['either', 'either-1', 'either-2']);
    for (const { id } of rollouts) expect(await workflow(id).describe()).toMatchObject({ type: 'rollout' });
    const listed = await api().ask('/api/harbor/rollouts?comparison_id=either');
    const { rollouts: found } = parseJson(listed.text, rolloutListSchema);
    expect(found.toSorted((a, b) => a.id.localeCompare(b.id))).toMatchObject([
      { id: 'either-1', seed: 5, model: 'gpt-5-mini', comparison_id: 'either' },
      { id: 'either-2', seed: 5, model: 'gpt-4o', comparison_id: 'either' },
    ]);
  });

  test('asked for again are those of the first time', async () => {
    const [first, second] = [
      await start({ rollout_id: 'twice', policies }),
      await start({ rollout_id: 'twice', policies }),
    ];
    expect(second.text).toBe(first.text);
    const other = await start({ rollout_id: 'twice', policies: policies.toReversed() });
    expect(problemOf(other)).toMatchObject({ code: 'conflict' });
  });

  test('share a mark without an id of their own', async () => {
    const { comparison_id: comparison } = parseJson((await start({ policies })).text, acceptedComparisonSchema);
    const listed = await api().ask(`/api/harbor/rollouts?comparison_id=${comparison}`);
    expect(parseJson(listed.text, rolloutListSchema).rollouts).toHaveLength(2);
  });

  test.each([
    ['policies', { policies: policies.slice(1) }],
    ['policies', { policies, policy: { config: { model: 'gpt-4o' } } }],
    ['policies', { policies: Array.from({ length: 9 }, () => policies[0]) }],
    ['rollout_id', { policies, rollout_id: 'x'.repeat(63) }],
  ])('are refused with the field %s', async (field, body) => {
    const answer = await start(body);
    expect([answer.status, problemOf(answer).field]).toEqual([400, field]);
  });

  test('of which one cannot run leave nothing behind', async () => {
    await readyDeployment(api().store, { name: 'agents-only' });
    const answer = await api().ask('/api/harbor/deployments/agents-only/rollout', {
      body: {
        rollout_id: 'none',
        prompt_template: { sections: [{ content: 'Do it.' }] },
        policies: [policies[0], { config: { agent: 'nobody', model: 'gpt-4o' } }],
      },
      headers: asynchronously,
    });
    expect(problemOf(answer)).toMatchObject({
      detail: 'policies.1.config.agent: nobody is not an agent here',
      field: 'policies.1.config.agent',
    });
    expect(await api().store.rollouts.find('none-1')).toBeUndefined();
  });

  test('that Temporal does not take are all closed, unless they can be named again', async () => {
    await readyDeployment(api().store, { name: 'all-closed', facts: { hasRunRollout: true } });
    const { ask } = await api().cutOff();
    const answer = await ask('/api/harbor/deployments/all-closed/rollout', {
      body: { policies, comparison_id: 'lost' },
      headers: asynchronously,
    });
    expect(answer.status).toBe(503);
    const listed = await api().ask('/api/harbor/rollouts?comparison_id=lost');
    expect(parseJson(listed.text, rolloutListSchema).rollouts).toMatchObject([
      { status: 'failed', failure: { class: 'internal' } },
      { status: 'failed', failure: { class: 'internal' } },
    ]);
  });
});

describe('without Temporal', () => {
  test('a rollout with an id of its own is 503 and may be repeated', async () => {
    const { ask } = await api().cutOff();
    const answer = await ask(path, { body: { rollout_id: 'patient' }, headers: asynchronously });
    expect(answer.status).toBe(503);
    expect(answer.headers['retry-after']).toBeDefined();
    expect(await api().store.rollouts.find('patient')).toMatchObject({ status: 'queued', closedAt: null });
  });

  test('a rollout that nobody can name again is closed at once', async () => {
    await readyDeployment(api().store, { name: 'nameless', facts: { hasRunRollout: true } });
    const { ask } = await api().cutOff();
    const answer = await ask('/api/harbor/deployments/nameless/rollout', { body: {}, headers: asynchronously });
    expect(answer.status).toBe(503);
    const deployment = await api().store.deployments.find('default', 'nameless');
    const rows = await api().store.rollouts.list('default', { limit: 9, offset: 0, deploymentId: deployment?.id });
    expect(rows).toMatchObject([{ status: 'failed', failureClass: 'internal' }]);
  });

  test('an upload is 503, and its build has failed', async () => {
    const { ask } = await api().cutOff();
    const answer = await ask('/api/harbor/deployments', { body: { name: 'unbuilt', dockerfile: 'FROM x\n' } });
    expect(answer.status).toBe(503);
    expect(await api().store.deployments.find('default', 'unbuilt')).toMatchObject({ status: 'failed' });
    const again = await api().ask('/api/harbor/deployments', { body: { name: 'unbuilt', dockerfile: 'FROM x\n' } });
    expect(again.status).toBe(200);
  });
});

describe('what people see in the Temporal UI', () => {
  test('is a summary of deployment, seed, agent and model', async () => {
    await start({ rollout_id: 'seen', env: { seed: 3 }, policy: { config: { model: 'gpt-5-mini' } } });
    expect(await (await workflow('seen').describe()).staticSummary()).toBe('starting, seed 3, entrypoint, gpt-5-mini');
  });
});

describe('cancel', () => {
  const cancel = (id: string) => api().ask(`/api/harbor/rollouts/${id}/cancel`, { method: 'POST' });

  test('asks the workflow to end', async () => {
    await start({ rollout_id: 'unwanted' });
    expect((await cancel('unwanted')).status).toBe(202);
    expect(await eventTypes('rollout/unwanted')).toContain('cancelRequested');
  });

  test('closes a rollout whose workflow was never started', async () => {
    const { ask } = await api().cutOff();
    await ask(path, { body: { rollout_id: 'unstarted' }, headers: asynchronously });
    expect((await cancel('unstarted')).status).toBe(200);
    expect(await api().store.rollouts.find('unstarted')).toMatchObject({ status: 'cancelled' });
  });

  test('reaches a workflow that somebody started under an id of its own', async () => {
    const { store, temporal } = api();
    const handle = await temporal.workflow.start('rollout', { taskQueue, workflowId: 'my-own-id', args: [{}] });
    await start({ rollout_id: 'from-elsewhere' });
    await workflow('from-elsewhere').terminate();
    await store.rollouts.admit(
      'from-elsewhere',
      { workflowId: 'my-own-id', workflowRunId: handle.firstExecutionRunId },
      roomFor(1000),
    );
    expect((await cancel('from-elsewhere')).status).toBe(202);
    expect(await eventTypes('my-own-id')).toContain('cancelRequested');
  });

  test('is 503 while Temporal is away, and changes nothing', async () => {
    await start({ rollout_id: 'unreachable' });
    const { ask } = await api().cutOff();
    expect((await ask('/api/harbor/rollouts/unreachable/cancel', { method: 'POST' })).status).toBe(503);
    expect(await api().store.rollouts.find('unreachable')).toMatchObject({ status: 'queued' });
  });

  async function eventTypes(workflowId: string): Promise<readonly string[]> {
    const { events } = await api().temporal.workflow.getHandle(workflowId).fetchHistory();
    return (events ?? []).map((event) =>
      event.workflowExecutionCancelRequestedEventAttributes ? 'cancelRequested' : '',
    );
  }
});
