import { beforeAll, describe, expect, test } from 'vitest';
import { deploy } from '../support/project.ts';
import { rollOut, useServer } from '../support/running.ts';

const server = useServer();

const dockerfile = `FROM debian:bookworm-slim
RUN useradd --create-home worker
WORKDIR /app
COPY --chown=worker app/ .
RUN chown worker /app
USER worker
`;

/** Does what its overlay lets it do; the tests look whether it could. */
const script = {
  turns: [
    { run: 'cat AGENTS.md; echo more >> AGENTS.md; echo "$GREETING, $(cat prepared)" > said; cat docs/deep/x.md' },
    { say: 'Done.' },
  ],
};
const judge = `#!/bin/sh
set -e
grep -q "from the override" /app/AGENTS.md
grep -q more /app/AGENTS.md
test "$(cat /app/said)" = "hello, by preflight"
`;

beforeAll(async () => {
  await deploy(
    server(),
    { name: 'overlaid', dockerfile },
    {
      'app/AGENTS.md': 'Old rules.\n',
      'tasks/1/instruction.md': 'Do as AGENTS.md says.',
      'tasks/1/tests/test.sh': judge,
      'tasks/1/solution/model-script.json': JSON.stringify(script),
    },
  );
});

const run = (overrides: readonly object[]) =>
  rollOut(server(), 'overlaid', {
    env: { seed: 1 },
    policy: { config: { agent: 'codex', model: 'gpt-4.1-mini' } },
    context_overrides: [...overrides],
  });

const good = {
  override_id: 'good',
  file_artifacts: { 'AGENTS.md': 'New rules, from the override.\n', 'docs/deep/x.md': 'x\n' },
  preflight_script: '#!/bin/bash\necho "$GREETING" && id -un >&2 && echo by preflight > prepared\n',
  env_vars: { GREETING: 'hello' },
};

describe('an overlay', () => {
  test('is there when the agent begins, as its own, and is answered with what was applied', async () => {
    const rollout = await run([good]);
    expect(rollout).toMatchObject({
      reward_info: { outcome_reward: 1 },
      success_status: 'success',
      override_application_results: [
        {
          override_id: 'good',
          overall_status: 'applied',
          errors: [],
          files_applied: ['AGENTS.md', 'docs/deep/x.md'],
          file_artifacts: { 'AGENTS.md': { status: 'applied', bytes_written: 30, error: null } },
          preflight_script: { status: 'applied', exit_code: 0, stdout: 'hello\n', stderr: 'worker\n' },
          preflight_succeeded: true,
          env_vars: { GREETING: { status: 'applied', error: null } },
        },
      ],
    });
    // It was there before the agent was: only what that one changed is its change.
    const diff = (await server().client.artifacts(rollout.id)).find(({ name }) => name === 'workdir.diff');
    expect(diff?.size_bytes).toBeGreaterThan(0);
  });

  test('that cannot be applied as a whole is applied as far as it goes, and the answer says so', async () => {
    const rollout = await run([
      good,
      {
        file_artifacts: { '/etc/hostile': 'x', 'prepared/not-a-folder': 'x' },
        preflight_script: '#!/bin/sh\necho so far; exit 3\n',
      },
    ]);
    expect(rollout).toMatchObject({
      reward_info: { outcome_reward: 1 },
      success_status: 'apply_failed',
      override_application_results: [
        { overall_status: 'applied' },
        {
          override_id: 'override_1',
          overall_status: 'failed',
          files_applied: [],
          files_failed: ['/etc/hostile', 'prepared/not-a-folder'],
          preflight_script: { status: 'failed', exit_code: 3, stdout: 'so far\n' },
          error_type: 'path_traversal',
        },
      ],
    });
  });
});
