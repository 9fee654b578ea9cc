import { beforeAll, describe, expect, test } from 'vitest';
import { problemOf, useApi } from '../support/api.ts';
import { readyDeployment } from '../support/deployment.ts';

const api = useApi();

const rollouts = '/api/harbor/rollouts';
const deployments = '/api/harbor/deployments';

describe('what no database text can hold', () => {
  test.each([
    [`${deployments}/a%00b`, 'path'],
    [`${deployments}/a%00b/status`, 'path'],
    [`${deployments}/a/builds/%00`, 'path'],
    [`${rollouts}/a%00b/logs`, 'path'],
    [`${deployments}?name=%00`, 'name'],
    [`${rollouts}?deployment=a%00`, 'deployment'],
  ])('is refused in %s', async (path, field) => {
    const answer = await api().ask(path);
    expect(answer.status).toBe(400);
    expect(problemOf(answer)).toMatchObject({ code: 'invalid_request', field });
  });
});

describe('a path', () => {
  test.each(['%ZZ', '%', '%ED%A0%80'])('with the bad percent-encoding %s is refused as a path', async (part) => {
    const answer = await api().ask(`${deployments}/${part}`);
    expect(answer.status).toBe(400);
    expect(problemOf(answer)).toMatchObject({ code: 'invalid_request', field: 'path' });
  });

  test.each(["a'b", 'a"b', '..%2F..', '%F0%9F%98%80', 'constructor', '__proto__'])(
    'to a deployment of the odd name %s is 404',
    async (part) => {
      expect((await api().ask(`${deployments}/${part}`)).status).toBe(404);
    },
  );

  test('that is none is 404', async () => {
    const answer = await api().ask('/api/harbor/nothing');
    expect(answer.status).toBe(404);
    expect(problemOf(answer).detail).toBe('GET /api/harbor/nothing was not found');
  });

  test.each([
    ['DELETE', deployments, 'POST, GET, HEAD'],
    ['PUT', `${deployments}/any/build`, 'POST'],
    ['PATCH', `${rollouts}/any/artifacts/1/a/b.txt`, 'GET, HEAD'],
    ['POST', '/healthz/', 'GET, HEAD'],
  ])('is 405 for %s %s, and says what it is there for', async (method, path, allowed) => {
    const answer = await api().ask(path, { method });
    expect(answer.status).toBe(405);
    expect(answer.headers.allow).toBe(allowed);
    expect(problemOf(answer).code).toBe('method_not_allowed');
  });
});

describe('a query', () => {
  test.each([
    ['limit=0', 'limit'],
    ['limit=501', 'limit'],
    ['limit=1e2', 'limit'],
    ['limit=1&limit=2', 'limit'],
    ['offset=-1', 'offset'],
    ['offset=99999999999999999999', 'offset'],
    ['status=fine', 'status'],
    ['status=', 'status'],
  ])('%s is refused, naming the parameter', async (query, field) => {
    for (const list of [deployments, rollouts]) {
      const answer = await api().ask(`${list}?${query}`);
      expect(answer.status).toBe(400);
      expect(problemOf(answer)).toMatchObject({ field });
    }
  });

  test('with a parameter that nobody knows is answered without it', async () => {
    expect((await api().ask(`${deployments}?colour=blue`)).status).toBe(200);
  });
});

describe('a body', () => {
  beforeAll(() => readyDeployment(api().store, { name: 'edges', facts: { hasRunRollout: true } }));

  test.each<[string, string, string]>([
    ['that is no object', 'null', 'body'],
    ['that is cut off', '{"env":', 'body'],
    ['that is a form', 'env=1', 'body'],
    ['with a number beyond all numbers', '{"limits":{"timeout_s":1e400}}', 'limits.timeout_s'],
    [
      'with a NUL in a list',
      '{"prompt_template":{"sections":[{"content":"\\u0000"}]}}',
      'prompt_template.sections.0.content',
    ],
    ['with half a surrogate pair in a key', '{"env":{"config":{"\\ud800":1}}}', 'env.config'],
    ['with nesting beyond measure', `{"x":${'['.repeat(50_000)}${']'.repeat(50_000)}}`, 'x'],
    ['with a model that no search attribute can hold', `{"params":{"model":"${'m'.repeat(3000)}"}}`, 'params.model'],
  ])('%s is refused, naming the field', async (_, body, field) => {
    const answer = await api().ask(`${deployments}/edges/rollout`, { body });
    expect(answer.status).toBe(400);
    expect(problemOf(answer)).toMatchObject({ code: 'invalid_request', field });
  });

  test('over its limit is 413', async () => {
    const answer = await api().ask(`/api/harbor/rollout`, { body: `{"x":"${'y'.repeat(4 * 1024 * 1024)}"}` });
    expect(answer.status).toBe(413);
    expect(problemOf(answer)).toMatchObject({ code: 'too_large', field: 'body' });
  });

  test('that is compressed is 415', async () => {
    const answer = await api().ask('/api/harbor/rollout', { body: '{}', headers: { 'content-encoding': 'gzip' } });
    expect(answer.status).toBe(415);
  });
});

test('nothing of this was a failure of ours', () => {
  expect(api().logged).toEqual([]);
});
