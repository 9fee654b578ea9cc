import { describe, expect, test } from 'vitest';
import { overallStatus, planOverrides } from '../../src/activities/override-plan.ts';
import { type RolloutRequest, rolloutRequestSchema } from '../../src/model/rollout.ts';

const request = (body: object): RolloutRequest => rolloutRequestSchema.parse(body);
const plan = (override: object) => {
  const [only] = planOverrides(request({ context_overrides: [override] }), '/app');
  if (!only) throw new Error('no plan');
  return only;
};

describe('an override', () => {
  test('is taken as it is where nothing speaks against it', () => {
    const { files, preflight, env, refused } = plan({
      file_artifacts: { 'AGENTS.md': 'a', 'deep/down/x': 'b', '/app/in': 'c' },
      preflight_script: '#!/bin/bash\ntrue\n',
      env_vars: { GREETING: 'hi' },
    });
    expect(files.map(({ path }) => path)).toEqual(['AGENTS.md', 'deep/down/x', '/app/in']);
    expect({ preflight, env }).toEqual({ preflight: '#!/bin/bash\ntrue\n', env: { GREETING: 'hi' } });
    expect(refused).toEqual({ files: {}, preflight: null, env: {} });
  });

  test.each([
    ['../up', 'path_traversal'],
    ['a/../b', 'path_traversal'],
    ['/etc/passwd', 'path_traversal'],
    ['~/.bashrc', 'path_traversal'],
    ['.', 'path_traversal'],
    ['', 'validation'],
    ['a\0b', 'validation'],
  ])('that would write %j is refused there, and nowhere else', (path, type) => {
    const { files, refused } = plan({ file_artifacts: { [path]: 'x', fine: 'y' } });
    expect(refused.files[path]).toMatchObject({ status: 'failed', error: { type }, bytes: 0 });
    expect(files).toEqual([{ path: 'fine', content: 'y' }]);
  });

  test('needs a script to say what runs it', () => {
    expect(plan({ preflight_script: 'echo hi' })).toMatchObject({
      preflight: null,
      refused: { preflight: { status: 'failed', error: { type: 'validation' } } },
    });
  });

  test.each([
    ['1ST', 'x', 'validation'],
    ['A-B', 'x', 'validation'],
    ['MY_OPENAI_API_KEY', 'x', 'validation'],
    ['LONG', 'x'.repeat(10_241), 'size_limit'],
  ])('may not set %s', (name, value, type) => {
    const { env, refused } = plan({ env_vars: { [name]: value, FINE: 'y' } });
    expect(refused.env[name]).toMatchObject({ status: 'failed', error: { type } });
    expect(env).toEqual({ FINE: 'y' });
  });

  test('is found in each of the places where runners put it, in the order in which it is applied', () => {
    const named = (override_id: string) => ({ override_id, file_artifacts: {} });
    const plans = planOverrides(
      request({
        policy: { context_override: named('policy') },
        prompt_template: { context_override: named('template'), context_overrides: [named('templates')] },
        context_overrides: [named('request'), { file_artifacts: {} }],
        override_bundle_id: 'bundle',
      }),
      '/app',
    );
    expect(plans.map(({ overrideId }) => overrideId)).toEqual([
      'policy',
      'template',
      'templates',
      'request',
      'bundle_4',
    ]);
  });

  test('may list its files by what they are', () => {
    const file_artifacts = [
      { type: 'agents_md', content: 'a' },
      { artifact_type: 'CLAUDE.md', content: 'b' },
      { path: 'x/y', content: 'c' },
    ];
    expect(plan({ file_artifacts }).files).toEqual([
      { path: 'AGENTS.md', content: 'a' },
      { path: 'CLAUDE.md', content: 'b' },
      { path: 'x/y', content: 'c' },
    ]);
  });
});

describe('an override as a whole is', () => {
  const applied = { status: 'applied', error: null, bytes: 1 } as const;
  const failed = { status: 'failed', error: { type: 'runtime', message: 'no' }, bytes: 0 } as const;
  test.each([
    ['skipped', {}, {}],
    ['applied', { a: applied }, { B: applied }],
    ['partial', { a: applied, b: failed }, {}],
    ['failed', { a: failed }, {}],
  ])('%s', (status, files, env) => {
    expect(overallStatus({ files, preflight: null, env })).toBe(status);
  });

  test('partial where it has more files than one should have', () => {
    const files = Object.fromEntries(Array.from({ length: 21 }, (_, index) => [`f${index}`, applied]));
    expect(overallStatus({ files, preflight: null, env: {} })).toBe('partial');
  });
});
