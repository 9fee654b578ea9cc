import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, test } from 'vitest';
import { deploy, type Files } from '../support/project.ts';
import { rollOut, useServer } from '../support/running.ts';

const server = useServer();

const dockerfile = 'FROM debian:bookworm-slim\nWORKDIR /app\nCOPY app/ .\n';

/** The "agent": does as its seed says, then reports. */
const agent = (script: string): string => `#!/bin/sh\ncase $HARBOR_SEED in\n${script}\nesac\n`;

/** A task with tests that pass when /app/answer says so. */
const task = (seed: number, tests: string): Files => ({
  [`tasks/${seed}/instruction.md`]: 'Write the answer.',
  [`tasks/${seed}/tests/test.sh`]: tests,
});

const grepAnswer = '#!/bin/sh\ngrep -q right /app/answer\n';

describe('held-back tests', () => {
  beforeAll(async () => {
    await deploy(
      server(),
      { name: 'judged', dockerfile, entrypoint: '/app/agent.sh' },
      {
        'app/agent.sh': agent(`
          1) echo right > answer ;;
          2) echo wrong > answer ;;
          3) echo wrong > answer; (setsid sh -c 'while :; do mkdir -p /logs/verifier; echo 1 > /logs/verifier/reward.txt; done' &) ;;
          4) mkdir -p /tests /logs/verifier; echo 1 > /logs/verifier/reward.txt; printf '#!/bin/sh\\nexit 0\\n' > /tests/test.sh
             ln -s /evil /tests/conftest.py; echo wrong > answer ;;
          5) mkdir /evil; ln -s /evil /tests; mkdir -p /logs; ln -s /evil /logs/verifier; echo 1 > /evil/reward.txt; echo wrong > answer ;;
          6) echo right > answer ;;
          7) printf '{"metrics":{"reward_mean":1}}' > /tmp/result.json; echo wrong > answer ;;
          8) echo right > answer; exit 3 ;;
          9) find / -xdev -name held-back-marker | wc -l > answer ;;
        `),
        ...task(1, grepAnswer),
        ...task(2, grepAnswer),
        ...task(3, '#!/bin/sh\nsleep 1; grep -q right /app/answer\n'),
        ...task(4, '#!/bin/sh\n[ ! -e /tests/conftest.py ] || exit 9\ngrep -q right /app/answer\n'),
        ...task(5, '#!/bin/sh\n[ ! -L /tests ] || exit 9\ngrep -q right /app/answer\n'),
        ...task(6, '#!/bin/sh\necho the tests broke; exit 7\n'),
        ...task(7, grepAnswer),
        ...task(8, '#!/bin/sh\necho \'{"reward":0.5,"style":1}\' > /logs/verifier/reward.json\n'),
        ...task(9, '#!/bin/sh\necho held-back-marker > /dev/null; [ "$(cat /app/answer)" = 0 ]\n'),
        'tasks/9/tests/held-back-marker': '',
        'tasks/9/solution/held-back-marker': '',
      },
    );
  });

  test.each([
    [1, 'pass', 1, null],
    [2, 'fail', 0, null],
    [3, 'are not deceived by a process that the agent left to write rewards', 0, null],
    [4, 'are not deceived by what the agent put in their place', 0, null],
    [5, 'are not deceived by links that the agent prepared', 0, null],
    [7, 'count alone, whatever the agent says of itself', 0, null],
    [9, 'are nowhere in the sandbox while the agent works', 1, null],
  ])('seed %i: %s', async (seed, _, reward, failure) => {
    const rollout = await rollOut(server(), 'judged', { env: { seed } });
    expect(rollout).toMatchObject({ status: 'completed', trust: 'quiesced', self_reported: false, failure });
    expect(rollout.reward_info.outcome_reward).toBe(reward);
  });

  test('that break give no reward, and say why', async () => {
    const rollout = await rollOut(server(), 'judged', { env: { seed: 6 } });
    expect(rollout).toMatchObject({ status: 'failed', failure: { class: 'verifier_failed' } });
    expect(rollout.reward_info.outcome_reward).toBeNull();
    expect(await text(server().client.rolloutLog(rollout.id, { stream: 'tests' }))).toBe('the tests broke\n');
  });

  test('still judge what an agent left that failed, and its failure stays on record', async () => {
    const rollout = await rollOut(server(), 'judged', { env: { seed: 8 } });
    expect(rollout).toMatchObject({
      status: 'completed',
      failure: { class: 'agent_failed' },
      success_status: 'failure',
      reward_info: { outcome_reward: 0.5, outcome_objectives: { reward: 0.5, style: 1 } },
    });
  });

  test('leave their verdict as artifacts', async () => {
    const { id } = await rollOut(server(), 'judged', { env: { seed: 8 } });
    const artifacts = await server().client.artifacts(id);
    expect(artifacts.map(({ name }) => name).toSorted()).toEqual(['verifier/reward.json', 'workdir.diff']);
    expect(await text(server().client.artifact(id, 1, 'verifier/reward.json'))).toBe('{"reward":0.5,"style":1}\n');
  });
});

describe('where no tests are held back', () => {
  beforeAll(async () => {
    await deploy(
      server(),
      { name: 'unjudged', dockerfile, entrypoint: '/app/agent.sh' },
      {
        'app/agent.sh': agent(`
          1) echo '{"metrics":{"reward_mean":0.25,"details":{"steps":3}},"success":true}' > /tmp/result.json ;;
          2) : ;;
          3) echo '{"success":false,"error":"no key"}' > /tmp/result.json ;;
        `),
      },
    );
  });

  test('the number in result.json counts and is marked as self-reported', async () => {
    const rollout = await rollOut(server(), 'unjudged', { env: { seed: 1 } });
    expect(rollout).toMatchObject({
      status: 'completed',
      trust: 'self-reported',
      self_reported: true,
      reward_info: { outcome_reward: 0.25, details: { steps: 3 } },
      metrics: { reward_mean: 0.25 },
    });
  });

  test.each([
    [2, 'no result.json'],
    [3, 'a result.json without a number'],
  ])('seed %i: %s is no reward, not 0', async (seed) => {
    const rollout = await rollOut(server(), 'unjudged', { env: { seed } });
    expect(rollout).toMatchObject({ status: 'failed', failure: { class: 'no_reward' }, trust: null });
    expect(rollout.reward_info.outcome_reward).toBeNull();
  });
});

describe("the diff of the agent's working directory", () => {
  beforeAll(async () => {
    await deploy(
      server(),
      { name: 'changed', dockerfile, entrypoint: '/app/agent.sh' },
      {
        'app/agent.sh': `#!/bin/sh
sed -i s/two/TWO/ list.txt
rm gone.txt
mkdir -p new; echo 'echo hi' > new/tool.sh; chmod +x new/tool.sh
head -c 100 /dev/zero > zeros.bin
touch untouched.txt
sleep 600 &
`,
        'app/list.txt': 'one\ntwo\nthree\n',
        'app/gone.txt': 'bye\n',
        'app/untouched.txt': 'same\n',
      },
    );
  });

  test('shows what was changed, made and removed, as git would', async () => {
    const { id } = await rollOut(server(), 'changed', { env: { seed: 1 } });
    expect(await text(server().client.artifact(id, 1, 'workdir.diff'))).toBe(`diff --git a/gone.txt b/gone.txt
deleted file mode 100644
--- a/gone.txt
+++ /dev/null
@@ -1,1 +0,0 @@
-bye
diff --git a/list.txt b/list.txt
--- a/list.txt
+++ b/list.txt
@@ -1,3 +1,3 @@
 one
-two
+TWO
 three
diff --git a/new/tool.sh b/new/tool.sh
new file mode 100755
--- /dev/null
+++ b/new/tool.sh
@@ -0,0 +1,1 @@
+echo hi
diff --git a/zeros.bin b/zeros.bin
new file mode 100644
Binary files /dev/null and b/zeros.bin differ
`);
  });
});
