import { once } from 'node:events';
import { expect, test } from 'vitest';
import { interceptorAdmin } from '../../../src/interceptor/admin-client.ts';
import { mintToken } from '../../../src/interceptor/tokens.ts';
import { freePort } from '../../embedded/support/temporary.ts';
import { ask, jsonOf } from '../support/client.ts';
import { never, realKey, startTestInterceptor, temporaryFolder, testSecret } from '../support/interceptor.ts';
import { spawnInterceptor } from '../support/process.ts';
import { endAttempt } from '../support/projection.ts';
import { sendText, startUpstream } from '../support/upstream.ts';

const model = 'gpt-4.1-mini';
/** Each may take 100 output tokens, and takes 60 in all. */
const body = [JSON.stringify({ model, max_completion_tokens: 100, messages: [{ role: 'user', content: 'Hello.' }] })];
const most = Buffer.byteLength(body[0] ?? '') + 100;
const whole = JSON.stringify({ id: 'c', model, choices: [], usage: { prompt_tokens: 20, completion_tokens: 40 } });
const id = 'rollout/rollout-1';

test('fifty calls at once stay within a budget of tokens, and every refused one is on record', async () => {
  const upstream = await startUpstream((response) => void setTimeout(() => sendText(response, whole), 5));
  const interceptor = await startTestInterceptor({ upstream: upstream.baseUrl });
  const tokens = 60 * 20 + most;
  const token = await interceptor.grant({ budgets: [{ id, tokens }] });
  const url = `${interceptor.url}/v1/chat/completions`;
  const answers = await Promise.all(Array.from({ length: 50 }, () => ask({ url, token, body })));
  // The last one that fits leaves less than another one may take.
  expect(upstream.requests).toHaveLength(21);
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(21);
  const refused = answers.find(({ status }) => status === 400);
  expect(refused && jsonOf(refused)).toMatchObject({
    error: { code: 'budget_exhausted', message: expect.stringContaining(`${id} of ${tokens} tokens is used up: 1260`) },
  });
  const { calls } = await endAttempt(interceptor);
  const onRecord = calls.filter(({ status }) => status === 'refused');
  expect(onRecord).toHaveLength(29);
  expect(onRecord[0]).toMatchObject({ httpStatus: 400, usage: null, costUsd: null });
  expect(onRecord[0]?.error).toContain('is used up');
});

test('attempts of one rollout share its dollars, and a model without a price is refused', async () => {
  const upstream = await startUpstream((response) => sendText(response, whole));
  const interceptor = await startTestInterceptor({ upstream: upstream.baseUrl });
  // $1.6 for a million output tokens: room for the first call's 100 beside the second's, and for no third.
  const budgets = [{ id, usd: 0.0003 }];
  const url = `${interceptor.url}/v1/chat/completions`;
  const statuses: number[] = [];
  for (const attempt of [1, 2, 3]) {
    const token = await interceptor.grant({ attempt, budgets });
    statuses.push((await ask({ url, token, body })).status);
  }
  expect(statuses).toEqual([200, 200, 400]);
  const token = await interceptor.grant({ attempt: 4, budgets: [{ id: 'rollout/other', usd: 1 }] });
  const unpriced = await ask({ url, token, body: ['{"model":"nobody-knows-it"}'] });
  expect(String(unpriced.body)).toContain('no known price');
  expect(upstream.requests).toHaveLength(2);
});

test('a torn stream keeps what was reserved; a refusal of the provider costs nothing but a call', async () => {
  const upstream = await startUpstream((response, { body: sent }) => {
    if (String(sent).includes('"stream":true')) {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: {"id":"c","choices":[]}\n\n');
      setTimeout(() => response.destroy(), 20);
    } else sendText(response, '{"error":{"message":"no"}}', 'application/json', 500);
  });
  const interceptor = await startTestInterceptor({ upstream: upstream.baseUrl });
  const streamed = [`{"stream":true,"max_tokens":100,"model":"${model}"}`];
  const reserve = Buffer.byteLength(streamed[0] ?? '') + 100;
  const token = await interceptor.grant({ budgets: [{ id, tokens: reserve + most - 1 }] });
  const url = `${interceptor.url}/v1/chat/completions`;
  expect((await ask({ url, token, body })).status).toBe(500);
  expect((await ask({ url, token, body: streamed })).isWhole).toBe(false);
  const refused = await ask({ url, token, body });
  expect(String(refused.body)).toContain(`${reserve} tokens are spent`);
});

test('kill -9 with a call open: what it had reserved stays spent', { timeout: 60_000 }, async () => {
  const arrived = Promise.withResolvers<void>();
  const upstream = await startUpstream(() => arrived.resolve());
  const directory = await temporaryFolder();
  const ports = { publicPort: await freePort(), adminPort: await freePort() };
  const env = { OPENAI_API_KEY: realKey, OPENAI_BASE_URL: upstream.baseUrl };
  const child = await spawnInterceptor({ directory, ...ports }, env);
  const admin = interceptorAdmin({ adminPort: ports.adminPort, installationSecret: testSecret });
  const budgets = [{ id, tokens: 2 * most - 1, calls: 9 }];
  await admin.grant({ rolloutId: 'rollout-1', attempt: 1, models: [], script: null, budgets }, never);
  const asked = {
    url: `http://127.0.0.1:${ports.publicPort}/v1/chat/completions`,
    token: mintToken(testSecret, 'rollout-1', 1),
    body,
  };
  const cut = ask(asked).catch(() => 'cut');
  await arrived.promise;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
  await cut;
  await spawnInterceptor({ directory, ...ports }, env);
  const refused = await ask(asked);
  expect(refused.status).toBe(400);
  expect(String(refused.body)).toContain(`${most} tokens are spent`);
  expect(upstream.requests).toHaveLength(1);
});
