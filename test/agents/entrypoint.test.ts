import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { AgentRun } from '../../src/agents/agent.ts';
import { entrypoint } from '../../src/agents/entrypoint.ts';
import { type JsonObject, jsonObjectSchema, parseJson } from '../../src/model/json.ts';

const run: AgentRun = {
  rolloutId: 'r1',
  attempt: 1,
  traceCorrelationId: 'mark',
  seed: 7,
  instruction: 'Mend it.',
  model: { name: 'gpt-5-mini', provider: 'openai' },
  settings: {},
  interceptorUrl: 'http://172.30.0.1:4000',
  token: 'token',
  timeoutSeconds: 60,
  entrypoint: { command: 'run_rollout --input /tmp/rollout.json --output /tmp/result.json', mode: 'file' },
  request: {},
  home: '/tmp/home',
};

/** What the command finds in its file. */
function rolloutJson(request: JsonObject): JsonObject {
  const [file] = entrypoint.prepare({ ...run, request }).files;
  const { content, path } = z.object({ path: z.string(), content: z.string() }).parse(file);
  expect(path).toBe('/tmp/rollout.json');
  return parseJson(content, jsonObjectSchema);
}

describe('rollout.json', () => {
  test('has the flat keys that the existing runners read', () => {
    expect(rolloutJson({})).toMatchObject({
      trace_correlation_id: 'mark',
      seed: 7,
      prompt_template: { sections: [{ role: 'user', pattern: 'Mend it.' }] },
      inference_url: 'http://172.30.0.1:4000/v1',
      limits: { timeout_s: 60 },
      params: { model: 'gpt-5-mini' },
    });
  });

  test.each<[string, JsonObject]>([
    ['the global form', { params: { agent: 'opencode', model: 'openai/gpt-5-mini', effort: 'low' } }],
    ['a policy', { policy: { config: { agent: 'opencode', model: 'openai/gpt-5-mini', effort: 'low' } } }],
  ])('has the agent and its settings from %s', (_, request) => {
    expect(rolloutJson(request)['params']).toEqual({ agent: 'opencode', model: 'gpt-5-mini', effort: 'low' });
  });

  test('names no address but that of the interceptor', () => {
    const elsewhere = 'https://api.openai.com/v1';
    const { params } = rolloutJson({ policy: { config: { inference_url: elsewhere, provider: 'openai' } } });
    expect(params).toEqual({ provider: 'openai', model: 'gpt-5-mini' });
  });
});
