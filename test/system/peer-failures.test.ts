import { beforeAll, describe, expect, test } from 'vitest';
import { deploy } from '../support/project.ts';
import { rollOut, useServer } from '../support/running.ts';

const server = useServer();

/** Does nothing that the tests ask for, and leaves behind what writes its own verdict over and over. */
const forger = `#!/bin/sh
setsid sh -c 'trap "" TERM HUP; while :; do mkdir -p /logs/verifier; echo 1 > /logs/verifier/reward.txt; done' &
`;

beforeAll(async () => {
  await deploy(
    server(),
    {
      name: 'forged',
      dockerfile: 'FROM debian:bookworm-slim\nWORKDIR /app\nCOPY app/ .\n',
      entrypoint: '/app/agent.sh',
    },
    {
      'app/agent.sh': forger,
      'tasks/1/instruction.md': 'Never mind.',
      'tasks/1/tests/test.sh': '#!/bin/sh\necho 0 > /logs/verifier/reward.txt\nsleep 1\n',
    },
  );
}, 300_000);

/** What was seen of another framework for the same work, on the same machine. */
describe('what a peer gets wrong', () => {
  test(
    'a loop that an agent leaves behind to write reward.txt does not decide the reward',
    { timeout: 180_000 },
    async () => {
      const rollout = await rollOut(server(), 'forged', { env: { seed: 1 } });
      expect(rollout).toMatchObject({ status: 'completed', attempt: 1, reward_info: { outcome_reward: 0 } });
    },
  );
});
