import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { agentRegistry } from '../../src/agents/registry.ts';
import type { NewDeployment } from '../../src/sdk/client.ts';
import { fromForeignImage, loadForeignImage, removeForeignImage } from '../support/foreign-image.ts';
import { makeMuslRoot, muslDockerfile } from '../support/musl-root.ts';
import { built, type Files, uploadFolder } from '../support/project.ts';
import { rollOut, useServer } from '../support/running.ts';

const server = useServer();

const task: Files = {
  'tasks/1/instruction.md': 'Make hello.txt.',
  'tasks/1/solution/model-script.json': JSON.stringify({
    turns: [{ run: 'printf hi > hello.txt; command -v node git; ls /etc/ssl/certs' }, { say: 'Done.' }],
  }),
  'tasks/1/tests/test.sh': '#!/bin/sh\n[ "$(cat /app/hello.txt)" = hi ]\n',
};

async function deployImage(
  deployment: NewDeployment,
  prepare: (folder: string) => Promise<void> = async () => {},
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'harbor-image-'));
  try {
    for (const [path, content] of Object.entries(task)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), content, { mode: 0o755 });
    }
    await prepare(folder);
    await built(server(), await uploadFolder(server(), deployment, folder));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

beforeAll(async () => {
  await deployImage({ name: 'debian', dockerfile: 'FROM debian:bookworm-slim\nWORKDIR /app\n' });
  await deployImage({
    name: 'debian-user',
    dockerfile: 'FROM debian:bookworm-slim\nRUN useradd -m dev\nWORKDIR /app\nRUN chown dev /app\nUSER dev\n',
  });
  await deployImage({ name: 'musl', dockerfile: muslDockerfile }, (folder) => makeMuslRoot(folder, { bash: false }));
  await deployImage({ name: 'musl-bash', dockerfile: muslDockerfile }, (folder) =>
    makeMuslRoot(folder, { bash: true }),
  );
  await deployImage({ name: 'empty', dockerfile: 'FROM scratch\nWORKDIR /app\nCOPY tasks/1/instruction.md .\n' });
  await loadForeignImage();
  await deployImage({
    name: 'foreign',
    dockerfile: `${fromForeignImage}
COPY tasks/1/instruction.md /app/
`,
  });
}, 300_000);
afterAll(removeForeignImage);

function rollout(deployment: string, agent: string) {
  const model = agentRegistry.byName(agent)?.defaultModel ?? '';
  const policy = { config: { agent, model } };
  return rollOut(server(), deployment, { env: { seed: 1 }, policy, egress: { agent: 'interceptor-only' } });
}

describe('an image without Node, git or certificates', () => {
  test.each([
    ['codex', 'debian'],
    ['claude-code', 'debian'],
    ['opencode', 'debian'],
    ['qwen-code', 'debian'],
    // As another user than root.
    ['codex', 'debian-user'],
    ['claude-code', 'debian-user'],
    ['opencode', 'debian-user'],
    ['qwen-code', 'debian-user'],
    ['codex', 'musl'],
    ['codex', 'musl-bash'],
    ['claude-code', 'musl-bash'],
  ])('lets %s work: %s', { timeout: 120_000 }, async (agent, deployment) => {
    const { status, failure, reward_info: reward } = await rollout(deployment, agent);
    expect({ status, failure, reward: reward.outcome_reward }).toEqual({
      status: 'completed',
      failure: null,
      reward: 1,
    });
  });
});

describe('an image that cannot run an agent says why, and is not tried again', () => {
  test.each([
    ['claude-code', 'musl', 'claude-code runs its commands in bash, and the image has none'],
    [
      'opencode',
      'musl',
      'opencode needs libstdc++.so.6 and libgcc_s.so.1 in an image with musl, and they are not there',
    ],
    ['qwen-code', 'musl', 'qwen-code runs with a Node that Harbor brings, which needs glibc, and the image has musl'],
    ['codex', 'empty', 'codex runs its commands in a shell, and the image has none'],
    [
      'codex',
      'foreign',
      expect.stringMatching(/^the image is for (arm64|x64), and the engine's machine has another processor$/),
    ],
  ])('%s: %s', async (agent, deployment, message) => {
    const { status, failure, attempts, reward_info: reward } = await rollout(deployment, agent);
    expect({ status, failure, reward: reward.outcome_reward, attempts: attempts.length }).toEqual({
      status: 'failed',
      failure: expect.objectContaining({ class: 'agent_unsupported', message }),
      reward: null,
      attempts: 1,
    });
  });
});
