import { beforeAll, describe, expect, test } from 'vitest';
import type { CallRecord } from '../../src/model/call.ts';
import { parseJson } from '../../src/model/json.ts';
import { artifactListSchema, traceSchema } from '../../src/model/responses.ts';
import { problemOf, useApi } from '../support/api.ts';
import { callRecord } from '../support/call.ts';
import { readyDeployment } from '../support/deployment.ts';
import { endRollout } from '../support/rollout.ts';

const api = useApi();
const root = '/api/harbor/rollouts';

beforeAll(() => readyDeployment(api().store, { name: 'left', facts: { hasRunRollout: true } }));

async function newRollout(id: string): Promise<void> {
  const headers = { prefer: 'respond-async' };
  await api().ask('/api/harbor/deployments/left/rollout', { body: { rollout_id: id }, headers });
}

let position = 0;

async function addCall(rolloutId: string, more: Partial<CallRecord> = {}): Promise<string> {
  position += 1;
  const call = callRecord(rolloutId, more);
  await api().store.calls.save([call], 'journal', position);
  return call.id;
}

describe('a trace', () => {
  const trace = async (id: string) => parseJson((await api().ask(`${root}/${id}/trace`)).text, traceSchema);

  test('has every call in order, with what was asked and answered', async () => {
    await newRollout('traced');
    const { blobs } = api().store;
    const request = Buffer.from('{"model":"gpt-5-mini","messages":[]}');
    const first = await addCall('traced', { requestRef: await blobs.put(request), requestBytes: request.length });
    const answer = Buffer.from('data: {"id":"c","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\ndata: [DONE]\n\n');
    const second = await addCall('traced', {
      attempt: 2,
      responseRef: await blobs.put(answer),
      responseBytes: answer.length,
      contentType: 'text/event-stream',
    });
    const { usage, calls: listed, rollout_id } = await trace('traced');
    expect(rollout_id).toBe('traced');
    expect(usage).toMatchObject({ llm_calls: 2, input_tokens: 20, output_tokens: 10, cost_usd: 0.5 });
    expect(listed).toMatchObject([
      { id: first, attempt: 1, request: { messages: [] }, response: null, ttfb_ms: 200, duration_ms: 900 },
      { id: second, attempt: 2, request: null, response: { choices: [{ message: { content: 'Hi' } }] } },
    ]);
  });

  test('without a call is an empty list', async () => {
    await newRollout('silent');
    expect((await trace('silent')).calls).toEqual([]);
  });

  test('that cannot be given whole is cut off, and the log says why', async () => {
    await newRollout('broken');
    await addCall('broken', { requestRef: 'ab'.repeat(32) });
    await expect(api().ask(`${root}/broken/trace`)).rejects.toThrow(/aborted|hang up|terminated/);
    expect(api().logged.at(-1)).toContain(`blob ${'ab'.repeat(32)} is not in the store`);
  });

  test('gives the bytes of one call as they crossed the wire', async () => {
    await newRollout('bytes');
    const id = await addCall('bytes', {
      requestRef: await api().store.blobs.put(Buffer.from('{ "as":  "sent" }')),
      responseRef: await api().store.blobs.put(Buffer.from('<html>')),
      contentType: 'text/html',
    });
    expect((await api().ask(`${root}/bytes/trace/${id}/request`)).text).toBe('{ "as":  "sent" }');
    const { text, headers } = await api().ask(`${root}/bytes/trace/${id}/response`);
    expect(text).toBe('<html>');
    expect(headers).toMatchObject({
      'content-type': expect.stringContaining('text/html'),
      'content-disposition': expect.stringMatching(/^attachment/),
      'x-content-type-options': 'nosniff',
    });
  });

  test.each(['call-0000/request', 'call-0000/neither'])('has no %s', async (path) => {
    await newRollout(`lacks-${path.length}`);
    expect((await api().ask(`${root}/lacks-${path.length}/trace/${path}`)).status).toBe(404);
  });
});

describe('an artifact', () => {
  async function add(rolloutId: string, name: string, content: string): Promise<void> {
    const ref = await api().store.blobs.put(Buffer.from(content));
    const more = { attempt: 1, contentType: 'text/x-diff; charset=utf-8', bytes: Buffer.byteLength(content), ref };
    await api().store.artifacts.add({ rolloutId, name, ...more, omitted: null });
  }

  test.each(['workdir.diff', 'reports/junit.xml', 'ä ö/"quoted".txt', 'line\nbreak', 'a?b#c%d', '..', '../up'])(
    'of the name %j is found under the address that the list gives',
    async (name) => {
      const id = `files-${Buffer.from(name).toString('hex')}`;
      await newRollout(id);
      await add(id, name, `content of ${name}`);
      const [artifact] = parseJson((await api().ask(`${root}/${id}/artifacts`)).text, artifactListSchema).artifacts;
      expect(artifact).toMatchObject({ name, attempt: 1, size_bytes: Buffer.byteLength(`content of ${name}`) });
      const answer = await api().ask(artifact?.url ?? '');
      expect(answer).toMatchObject({ status: 200, text: `content of ${name}` });
      expect(answer.headers['content-disposition']).toMatch(/^attachment; filename=[^\r\n/]*$/);
      expect(answer.headers['x-content-type-options']).toBe('nosniff');
    },
  );

  test('of another attempt is another one', async () => {
    await newRollout('attempts');
    await add('attempts', 'a.txt', 'first');
    expect((await api().ask(`${root}/attempts/artifacts/2/a.txt`)).status).toBe(404);
  });
});

describe('a trace that was removed', () => {
  test('is gone, and the answer says when and why, for all that the rollout left', async () => {
    await newRollout('old');
    const { store } = api();
    const ref = await store.blobs.put(Buffer.from('{}'));
    const call = await addCall('old', { requestRef: ref });
    await store.artifacts.add({
      rolloutId: 'old',
      attempt: 1,
      name: 'a.diff',
      contentType: 'text/plain',
      bytes: 2,
      ref,
      omitted: null,
    });
    await endRollout(store, 'old');
    const paths = ['trace', `trace/${call}/request`, 'trajectory', 'logs', 'artifacts/1/a.diff'];
    for (const path of paths) expect(await api().ask(`${root}/old/${path}`)).toMatchObject({ status: 200 });

    expect(await store.traces.remove('old', 30)).toBe(true);
    for (const path of paths) {
      const answer = await api().ask(`${root}/old/${path}`);
      expect(answer.status).toBe(410);
      expect(problemOf(answer)).toMatchObject({
        code: 'trace_removed',
        detail: expect.stringMatching(/removed at \d{4}-\d\d-\d\dT.*Z: they are kept for 30 days/),
        remedy: expect.stringContaining('HARBOR_TRACE_RETENTION_DAYS'),
      });
    }
    expect((await api().ask(`${root}/old/trace/unknown/request`)).status).toBe(404);
    const listed = parseJson((await api().ask(`${root}/old/artifacts`)).text, artifactListSchema);
    expect(listed.artifacts).toMatchObject([
      { name: 'a.diff', url: null, omitted: expect.stringContaining('30 days') },
    ]);
    expect(await api().ask(`${root}/old`)).toMatchObject({ status: 200 });
  });
});
