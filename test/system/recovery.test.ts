import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, test } from 'vitest';
import { execIn, killContainer } from '../support/engine.ts';
import { deploy, eventually, plainDockerfile } from '../support/project.ts';
import { containerOf, ended, rollOut, start, useServer } from '../support/running.ts';

const server = useServer();

/** Works for ever in the first attempt, ends well in the second. */
const agent = `#!/bin/sh
case $HARBOR_SEED in
1) echo "token \${OPENAI_API_KEY%.*}"; case $OPENAI_API_KEY in *.1.*) sleep 1000 ;; esac ;;
2) perl -e 'my $x = "a" x 2_000_000_000;'; exit 1 ;;
esac
echo '{"metrics":{"reward_mean":1}}' > /tmp/result.json
`;

beforeAll(async () => {
  await deploy(
    server(),
    { name: 'fragile', dockerfile: plainDockerfile, entrypoint: '/app/run.sh', limits: { memory_mb: 512 } },
    { 'run.sh': agent },
  );
});

describe('a sandbox that is killed from outside', () => {
  test('is repeated in a new attempt with a token of its own, and the old one is kept on record', async () => {
    const id = await start(server(), 'fragile', { env: { seed: 1 } });
    const container = await containerOf(server(), id);
    await eventually('the agent to work', async () =>
      (await execIn(container, 'cat /.harbor/agent/out 2>/dev/null || true').catch(() => '')).includes('token'),
    );
    await killContainer(container);
    const rollout = await ended(server(), id);
    expect(rollout).toMatchObject({
      status: 'completed',
      attempt: 2,
      reward_info: { outcome_reward: 1 },
      attempts: [
        { attempt: 1, failure: { class: 'sandbox_lost' } },
        { attempt: 2, failure: null },
      ],
    });
    expect(await text(server().client.rolloutLog(id, { attempt: 1 }))).toBe(`token ${id}.1\n`);
    expect(await text(server().client.rolloutLog(id, { attempt: 2 }))).toBe(`token ${id}.2\n`);
  });
});

describe('an agent that runs out of memory', () => {
  test('is told apart, and not repeated', async () => {
    const rollout = await rollOut(server(), 'fragile', { env: { seed: 2 } });
    expect(rollout).toMatchObject({ status: 'failed', attempt: 1, failure: { class: 'out_of_memory' } });
    expect(rollout.reward_info.outcome_reward).toBeNull();
  });
});
