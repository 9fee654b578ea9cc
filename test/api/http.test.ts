import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { parseJson } from '../../src/model/json.ts';
import { comparisonSchema, problemSchema } from '../../src/model/responses.ts';
import { expectDeclared } from '../support/declared.ts';
import { deploy, plainDockerfile } from '../support/project.ts';
import { rollOut, useServer } from '../support/running.ts';

const server = useServer();

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

async function ask(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(`${server().url}${path}`, {
    method,
    headers: { authorization: `Bearer ${server().apiKey}`, ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const { status } = response;
  const text = await response.text();
  expectDeclared(method, path, { status, text, contentType: response.headers.get('content-type') ?? undefined });
  return { status, headers: response.headers, text };
}

const problem = ({ text }: Answer) => parseJson(text, problemSchema);
const create = (body: unknown) => ask('POST', '/api/harbor/deployments', body);
const valid = { name: 'valid', dockerfile: 'FROM debian:bookworm-slim\n' };

describe('authentication', () => {
  test.each([
    ['no key', {}],
    ['a wrong key', { authorization: 'Bearer wrong-wrong-wrong-wrong' }],
    ['another scheme', { authorization: 'Basic d3Jvbmc6d3Jvbmc=' }],
  ])('refuses %s and says where the key is', async (_, headers) => {
    const response = await fetch(`${server().url}/api/harbor/deployments`, { headers });
    expect(response.status).toBe(401);
    expect(parseJson(await response.text(), problemSchema)).toMatchObject({
      code: 'unauthorized',
      remedy: expect.stringContaining('Authorization: Bearer'),
    });
  });

  test('takes the key in x-api-key, too', async () => {
    const response = await fetch(`${server().url}/api/harbor/deployments`, {
      headers: { 'x-api-key': server().apiKey },
    });
    expect(response.status).toBe(200);
  });

  test.each(['/', '/healthz', '/readyz'])('is not asked for %s', async (path) => {
    expect((await fetch(`${server().url}${path}`)).status).toBe(200);
  });
});

describe('a deployment that cannot be', () => {
  const deep = `${'['.repeat(3000)}${']'.repeat(3000)}`;
  test.each<[string, unknown, string]>([
    ['no name', { dockerfile: 'FROM x\n' }, 'name'],
    ['an empty name', { ...valid, name: '' }, 'name'],
    ['a name with a slash', { ...valid, name: 'a/b' }, 'name'],
    ['a name that is too long', { ...valid, name: 'x'.repeat(129) }, 'name'],
    ['a name that is a number', { ...valid, name: 5 }, 'name'],
    ['no Dockerfile anywhere', { name: 'valid' }, 'dockerfile'],
    ['a Dockerfile without FROM', { ...valid, dockerfile: 'RUN true\n' }, 'dockerfile'],
    ['too many cores', { ...valid, limits: { cpu_cores: 99 } }, 'limits.cpu_cores'],
    ['half a core', { ...valid, limits: { cpu_cores: 0.5 } }, 'limits.cpu_cores'],
    ['too little time', { ...valid, limits: { timeout_s: 1 } }, 'limits.timeout_s'],
    ['too much memory', { ...valid, limits: { memory_mb: 65_536 } }, 'limits.memory_mb'],
    ['too little disk', { ...valid, limits: { disk_mb: 1 } }, 'limits.disk_mb'],
    ['an unknown mode', { ...valid, entrypoint_mode: 'magic' }, 'entrypoint_mode'],
    ['an LLM key in env_vars', { ...valid, env_vars: { MY_OPENAI_API_KEY: 'x' } }, 'env_vars.MY_OPENAI_API_KEY'],
    ['a value in env_vars that looks like a key', { ...valid, env_vars: { K: `sk-${'a'.repeat(40)}` } }, 'env_vars.K'],
    ['an LLM key in ENV', { ...valid, dockerfile: 'FROM x\nENV OPENAI_API_KEY=sk-123\n' }, 'dockerfile'],
    ['an LLM key in an ARG default', { ...valid, dockerfile: 'FROM x\nARG ANTHROPIC_API_KEY=abc\n' }, 'dockerfile'],
    ['an LLM key written in a RUN', { ...valid, dockerfile: 'FROM x\nRUN OPENAI_API_KEY=abc make\n' }, 'dockerfile'],
    ['a held-back path in COPY', { ...valid, dockerfile: 'FROM x\nCOPY tasks/1/tests /tests\n' }, 'dockerfile'],
    ['env_vars that are no text', { ...valid, env_vars: { A: 1 } }, 'env_vars.A'],
    ['an unknown egress', { ...valid, egress: { agent: 'some' } }, 'egress.agent'],
    ['a context that is not base64', { ...valid, context_tar_base64: '***' }, 'context_tar_base64'],
    ['a context that is not a tar.gz', { ...valid, context_tar_base64: 'aGVsbG8=' }, 'context_tar_base64'],
    ['a NUL in a text', { ...valid, description: 'a\0b' }, 'description'],
    ['a NUL deep in the metadata', { ...valid, metadata: { a: { b: ['\0'] } } }, 'metadata.a.b.0'],
    ['half a surrogate pair', '{"name":"valid","description":"\\ud800"}', 'description'],
    ['nesting without measure', `{"name":"valid","metadata":{"a":${deep}}}`, 'metadata'],
    ['something that is not JSON', '{"name":', 'body'],
    ['a list', '[]', 'body'],
  ])('%s: 400 that names the field', async (_, body, field) => {
    const answer = await create(body);
    expect(answer.status).toBe(400);
    expect(problem(answer)).toMatchObject({ code: 'invalid_request', field });
    expect(answer.text).not.toMatch(/sk-|at .*\(.*:\d+/);
  });

  test('leaves nothing behind', async () => {
    expect((await ask('GET', '/api/harbor/deployments/valid')).status).toBe(404);
  });
});

describe('what the existing client counts on', () => {
  beforeAll(async () => {
    await deploy(
      server(),
      { name: 'quirks', dockerfile: plainDockerfile, entrypoint: '/app/run.sh' },
      { 'run.sh': `#!/bin/sh\necho '{"metrics":{"reward_mean":1}}' > /tmp/result.json\n` },
    );
  });

  test('create answers exactly 200, with the id of the build that it started', async () => {
    const answer = await create({ ...valid, name: 'exactly-200' });
    expect(answer.status).toBe(200);
    expect(
      parseJson(answer.text, z.looseObject({ id: z.string(), latest_build: z.looseObject({ id: z.string() }) })),
    ).toMatchObject({
      name: 'exactly-200',
      status: expect.stringMatching(/pending|building/),
    });
  });

  test('a build without a body while one is in flight joins it', async () => {
    const { text } = await create({ ...valid, name: 'joined', dockerfile: 'FROM debian:bookworm-slim\nRUN sleep 2\n' });
    const first = parseJson(text, z.object({ latest_build: z.object({ id: z.string() }) })).latest_build.id;
    const joined = await ask('POST', '/api/harbor/deployments/joined/build');
    expect(parseJson(joined.text, z.object({ build_id: z.string() })).build_id).toBe(first);
  });

  test('a base address with a slash at its end works', async () => {
    expect((await ask('GET', '//api/harbor//deployments?limit=50&offset=0')).status).toBe(200);
  });

  test('a taken name is 409 and says the way on', async () => {
    const answer = await create({ ...valid, name: 'quirks' });
    expect(answer.status).toBe(409);
    expect(problem(answer)).toMatchObject({ code: 'conflict', remedy: expect.stringContaining('--replace') });
  });

  test('status has the newest build first, and no error where there is none', async () => {
    const { text } = await ask('GET', '/api/harbor/deployments/quirks/status');
    expect(text).not.toContain('"error":');
    expect(parseJson(text, z.looseObject({ builds: z.array(z.looseObject({ status: z.string() })) }))).toMatchObject({
      name: 'quirks',
      status: 'ready',
      builds: [{ status: 'completed', error_message: null }],
    });
  });

  test('id and name both lead to a deployment', async () => {
    const { id } = await server().client.deployment('quirks');
    expect((await ask('GET', `/api/harbor/deployments/${id}/status`)).status).toBe(200);
  });

  test('no message but that of a missing deployment holds the number that the client takes for one', async () => {
    for (const path of ['/api/harbor/deployments/nobody/status', '/api/harbor/nothing', '/nothing']) {
      const answer = await ask('GET', path);
      expect(answer.status).toBe(404);
      expect(problem(answer).detail).not.toContain('404');
    }
  });

  test('a rollout is answered with a number, with artifact null, and with all that the schema asks for', async () => {
    const answer = await ask('POST', '/api/harbor/deployments/quirks/rollout', {
      trace_correlation_id: 'harbor-cli-quirks-s1',
      env: { seed: 1, env_name: 'harbor', config: {} },
      policy: { config: { model: 'gpt-5-mini', inference_url: 'https://api.openai.com/v1', provider: 'openai' } },
    });
    expect(answer.status).toBe(200);
    expect(parseJson(answer.text, z.record(z.string(), z.json()))).toMatchObject({
      trace_correlation_id: 'harbor-cli-quirks-s1',
      reward_info: { outcome_reward: 1 },
      metrics: { reward_mean: 1, outcome_reward: 1 },
      success: true,
      success_status: 'success',
      artifact: null,
      status: 'completed',
      usage: { llm_calls: 0, cost_usd: 0 },
      trace: { calls: [] },
    });
  });

  test('several policies are answered together, once all have ended', async () => {
    const answer = await ask('POST', '/api/harbor/deployments/quirks/rollout', {
      rollout_id: 'several',
      policies: [{ config: { model: 'gpt-5-mini' } }, { config: { model: 'gpt-4o' } }],
    });
    expect(answer.status).toBe(200);
    expect(parseJson(answer.text, comparisonSchema)).toMatchObject({
      comparison_id: 'several',
      rollouts: [
        { id: 'several-1', model: 'gpt-5-mini', reward_info: { outcome_reward: 1 } },
        { id: 'several-2', model: 'gpt-4o', reward_info: { outcome_reward: 1 } },
      ],
    });
  });

  test('the global form of a rollout works, too', async () => {
    const { id } = await server().client.deployment('quirks');
    const answer = await ask('POST', '/api/harbor/rollout', {
      deployment_id: id,
      trace_correlation_id: 'global',
      seed: 7,
      inference_url: 'https://x.invalid',
      limits: { timeout_s: 60 },
      params: { agent: 'codex', model: 'gpt-5-mini' },
    });
    expect(answer.status).toBe(200);
    expect(parseJson(answer.text, z.looseObject({ seed: z.number() }))).toMatchObject({ seed: 7, model: 'gpt-5-mini' });
  });
});

describe('a rollout that cannot be', () => {
  beforeAll(async () => {
    await deploy(
      server(),
      { name: 'tasks', dockerfile: plainDockerfile },
      { 'tasks/1/instruction.md': 'Do it.', 'tasks/1/tests/test.sh': 'exit 0', 'tasks/2/instruction.md': 'Do that.' },
    );
  });

  const run = (body: unknown) => ask('POST', '/api/harbor/deployments/tasks/rollout', body);
  const model = { config: { model: 'gpt-5-mini' } };

  test.each<[string, unknown, string, string]>([
    ['no seed', { policy: model }, 'env.seed', '1, 2'],
    ['an unknown seed', { policy: model, env: { seed: 9 } }, 'env.seed', '1, 2'],
    ['a seed that is a text', { policy: model, env: { seed: '1' } }, 'env.seed', 'whole number'],
    ['a seed beyond 32 bits', { policy: model, env: { seed: 2 ** 40 } }, 'env.seed', 'at most'],
    ['no model', { env: { seed: 1 } }, 'policy.config.model', 'missing'],
    [
      'a model that its agent does not run',
      { env: { seed: 1 }, policy: { config: { agent: 'claude-code', model: 'gpt-5' } } },
      'policy.config.model',
      'gpt-5',
    ],
    [
      'an agent that is none',
      { env: { seed: 1 }, policy: { config: { model: 'gpt-5', agent: 'emacs' } } },
      'policy.config.agent',
      'emacs',
    ],
    ['too much time', { policy: model, env: { seed: 1 }, limits: { timeout_s: 99_999 } }, 'limits.timeout_s', '3600'],
    ['a blank mark', { policy: model, env: { seed: 1 }, trace_correlation_id: ' ' }, 'trace_correlation_id', 'blank'],
    [
      'an id that no container can have',
      { policy: model, env: { seed: 1 }, rollout_id: 'a b' },
      'rollout_id',
      'letters',
    ],
    [
      'too many overrides',
      { policy: model, env: { seed: 1 }, context_overrides: Array.from({ length: 21 }, () => ({})) },
      'context_overrides',
      'at most 20',
    ],
    [
      'overrides of too many files',
      {
        policy: model,
        env: { seed: 1 },
        context_overrides: [
          { file_artifacts: Object.fromEntries(Array.from({ length: 51 }, (_, n) => [`f${n}`, ''])) },
        ],
      },
      'context_overrides',
      'at most 50 files',
    ],
    [
      'overrides that are too large',
      { policy: model, env: { seed: 1 }, context_overrides: [{ file_artifacts: { a: 'ü'.repeat(600_000) } }] },
      'context_overrides',
      'at most 1048576 bytes',
    ],
    [
      'a file of an override without a place',
      { policy: model, env: { seed: 1 }, context_overrides: [{ file_artifacts: [{ content: 'x' }] }] },
      'context_overrides.0.file_artifacts',
      '',
    ],
    [
      'too many artifacts',
      { policy: model, env: { seed: 1 }, artifacts: Array.from({ length: 101 }, (_, n) => `f${n}`) },
      'artifacts',
      'at most 100',
    ],
  ])('%s: 400 that names the field, and no rollout', async (_, body, field, says) => {
    const answer = await run(body);
    expect(answer.status).toBe(400);
    expect(problem(answer)).toMatchObject({ code: 'invalid_request', field });
    expect(problem(answer).detail).toContain(says);
    expect((await server().client.rollouts({ deployment: 'tasks' })).length).toBe(0);
  });

  test('of a deployment that is not ready is 409', async () => {
    await create({ ...valid, name: 'slow', dockerfile: 'FROM debian:bookworm-slim\nRUN sleep 3\n' });
    const answer = await ask('POST', '/api/harbor/deployments/slow/rollout', { policy: model });
    expect(answer.status).toBe(409);
    expect(problem(answer)).toMatchObject({ code: 'deployment_not_ready' });
  });

  test('ended without a reward: 424 with its class and id', async () => {
    await deploy(server(), { name: 'mute', dockerfile: plainDockerfile, entrypoint: 'true' }, {});
    const answer = await ask('POST', '/api/harbor/deployments/mute/rollout', { rollout_id: 'mute-1' });
    expect(answer.status).toBe(424);
    expect(parseJson(answer.text, z.looseObject({}))).toMatchObject({
      code: 'no_reward',
      rollout_id: 'mute-1',
      status: 'failed',
      reward_info: { outcome_reward: null },
    });
  });
});

describe('a repeated rollout request', () => {
  beforeAll(async () => {
    await deploy(
      server(),
      { name: 'repeated', dockerfile: plainDockerfile, entrypoint: '/app/run.sh' },
      { 'run.sh': `#!/bin/sh\necho '{"metrics":{"reward_mean":1}}' > /tmp/result.json\n` },
    );
  });

  test('under one id is one rollout', async () => {
    const body = { rollout_id: 'same', env: { seed: 1 } };
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => ask('POST', '/api/harbor/deployments/repeated/rollout', body)),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect((await server().client.rollouts({ deployment: 'repeated' })).map(({ id }) => id)).toEqual(['same']);
  });

  test('under the id of another one is 409', async () => {
    await rollOut(server(), 'repeated', { rollout_id: 'other', env: { seed: 1 } });
    const answer = await ask('POST', '/api/harbor/deployments/repeated/rollout', {
      rollout_id: 'other',
      env: { seed: 2 },
    });
    expect(answer.status).toBe(409);
  });

  test('with Prefer: respond-async is 202 at once, and says where to look', async () => {
    const answer = await ask(
      'POST',
      '/api/harbor/deployments/repeated/rollout',
      { rollout_id: 'async' },
      { prefer: 'respond-async' },
    );
    expect(answer.status).toBe(202);
    expect(answer.headers.get('location')).toBe('/api/harbor/rollouts/async');
    expect(answer.headers.get('preference-applied')).toBe('respond-async');
  });
});

describe('any odd request', () => {
  test.each<[string, string, string, unknown?]>([
    ['a path with bad percent-encoding', 'GET', '/api/harbor/deployments/%ZZ'],
    ['a limit that is a word', 'GET', '/api/harbor/deployments?limit=many'],
    ['a limit that is too large', 'GET', '/api/harbor/deployments?limit=100000'],
    ['a parameter given twice', 'GET', '/api/harbor/deployments?limit=1&limit=2'],
    ['an unknown status', 'GET', '/api/harbor/rollouts?status=fine'],
    ['a negative offset', 'GET', '/api/harbor/rollouts?offset=-1'],
    ['a body that is too large', 'POST', '/api/harbor/rollout', `{"x":"${'y'.repeat(4_000_000)}"}`],
    ['a context_url', 'POST', '/api/harbor/deployments/exactly-200/build', { context_url: 'https://x.invalid' }],
  ])('%s is a 4xx in the usual form', async (_, method, path, body) => {
    const answer = await ask(method, path, body);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect(problem(answer).detail).not.toMatch(/at .*\(.*:\d+/);
  });

  test('for a rollout of nobody is 404', async () => {
    for (const path of ['', '/logs', '/trace', '/artifacts', '/artifacts/1/x', '/trace/1/request']) {
      expect((await ask('GET', `/api/harbor/rollouts/nobody'"${path}`)).status).toBe(404);
    }
  });
});
