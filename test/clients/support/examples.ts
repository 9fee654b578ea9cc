import { agentLogId, testsLogId } from '../../../src/model/ids.ts';
import type { CallRecord } from '../../../src/model/call.ts';
import { readyDeployment } from '../../support/deployment.ts';
import type { TestApi } from '../../support/api.ts';
import { endRollout, roomFor, run } from '../../support/rollout.ts';
import type { TestStore } from '../../support/store.ts';

/** The ids that the description gives as examples, by the part of a path that they stand for. */
export interface Examples {
  readonly key: string;
  readonly build: string;
  readonly id: string;
  readonly call: string;
  readonly name: string;
}

/** Makes what the description's examples speak of: a deployment with its build, and a rollout of it with all that is left. */
export async function makeExamples({ store, ask }: TestApi, examples: Examples): Promise<void> {
  const { id } = await readyDeployment(store, { name: examples.key, facts: { hasRunRollout: true } });
  await store.db
    .updateTable('builds')
    .set({ id: examples.build, logId: 'example' })
    .where('deploymentId', '=', id)
    .execute();
  await store.logs.append('example', 0, Buffer.from('Step 1/1 : FROM scratch\n'));
  await store.instances.add(id, 0, 4);
  const body = { rollout_id: examples.id, env: { seed: 1 }, policy: { config: { model: 'gpt-5-mini' } } };
  const headers = { prefer: 'respond-async' };
  await ask(`/api/harbor/deployments/${examples.key}/rollout`, { body, headers });
  await workOn(store, examples);
  await endRollout(store, examples.id);
}

async function workOn(store: TestStore, { id, call, name }: Examples): Promise<void> {
  await store.rollouts.admit(id, run('example'), roomFor(1000));
  await store.rollouts.enter(id, 'example', 'running', 1);
  await store.logs.append(agentLogId(id, 1), 0, Buffer.from('working\n'));
  await store.logs.append(testsLogId(id, 1), 0, Buffer.from('1 passed\n'));
  const request = Buffer.from('{"model":"gpt-5-mini","messages":[]}');
  const response = Buffer.from('{"id":"c","choices":[]}');
  await store.calls.save(
    [
      {
        ...plainCall,
        id: call,
        rolloutId: id,
        requestRef: await store.blobs.put(request),
        requestBytes: request.length,
        responseRef: await store.blobs.put(response),
        responseBytes: response.length,
      },
    ],
    'journal',
    1,
  );
  const ref = await store.blobs.put(Buffer.from('diff --git a/a b/a\n'));
  await store.artifacts.add({
    rolloutId: id,
    attempt: 1,
    name,
    contentType: 'text/x-diff',
    bytes: 19,
    ref,
    omitted: null,
  });
}

const plainCall: Omit<
  CallRecord,
  'id' | 'rolloutId' | 'requestRef' | 'requestBytes' | 'responseRef' | 'responseBytes'
> = {
  attempt: 1,
  dialect: 'openai-chat',
  method: 'POST',
  path: '/v1/chat/completions',
  upstream: 'openai',
  requestedModel: 'gpt-5-mini',
  responseModel: 'gpt-5-mini-2026',
  responseId: 'c',
  streamed: false,
  status: 'ok',
  httpStatus: 200,
  stopReason: 'stop',
  retryOf: null,
  usage: { inputTokens: 10, cachedTokens: 4, cacheWriteTokens: 0, outputTokens: 5, reasoningTokens: 2 },
  costUsd: 0.25,
  contentType: 'application/json',
  startedAt: new Date('2026-01-01T00:00:00Z'),
  firstByteAt: new Date('2026-01-01T00:00:01Z'),
  endedAt: new Date('2026-01-01T00:00:02Z'),
  error: null,
};
