import { rm } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FaultyProvider, startFaultyProvider } from '../agents/support/faulty-provider.ts';
import { execIn, processesIn, removeEverything } from '../support/engine.ts';
import { EngineProxy } from '../support/engine-proxy.ts';
import { deploy, eventually } from '../support/project.ts';
import { containerOf, start, tidy } from '../support/running.ts';
import { makeHome, startServer, type TestServer } from '../support/server.ts';

/** Asks its model again and again, and ignores being told to end. */
const spender = `#!/bin/bash
trap '' TERM INT HUP
address=\${OPENAI_BASE_URL#http://} address=\${address%%/*}
body='{"model":"gpt-4.1-mini","messages":[{"role":"user","content":"hello"}]}'
while :; do
  if exec 3<>/dev/tcp/\${address%:*}/\${address#*:}; then
    printf 'POST /v1/chat/completions HTTP/1.0\\r\\nauthorization: Bearer %s\\r\\ncontent-length: %s\\r\\n\\r\\n%s' "$OPENAI_API_KEY" \${#body} "$body" >&3
    cat <&3 > /dev/null
    exec 3>&-
  fi
  touch "/tmp/spent-by-$1"
  sleep 0.2
done
`;

/** Leaves spenders behind: in a session of their own, of no parent, of another user. */
const agent = `#!/bin/bash
trap '' TERM INT HUP
echo changed > /app/notes.txt
setsid /app/spender.sh session &
(bash -c '/app/spender.sh orphan &' &)
setpriv --reuid 1234 --regid 1234 --clear-groups /app/spender.sh user &
echo working
sleep 1000
`;

/** What lives in the sandbox beside the tests is what they report. */
const tests = `#!/bin/bash
alive=0
for each in /proc/[0-9]*; do
  if tr '\\0' ' ' < $each/cmdline 2> /dev/null | grep -q spender || [ "$(stat -c %u $each 2> /dev/null)" = 1234 ]; then
    alive=$((alive + 1))
  fi
done
printf '{"alive":%s,"changed":%s}' $alive "$(grep -c changed /app/notes.txt)" > /logs/verifier/reward.json
`;

let home: string;
let proxy: EngineProxy;
let server: TestServer;
let provider: FaultyProvider;
const undone: (() => Promise<void> | void)[] = [];

beforeAll(async () => {
  home = await makeHome();
  proxy = await EngineProxy.start();
  const script = { turns: [{ say: 'hello' }] };
  provider = await startFaultyProvider(
    script,
    () => undefined,
    (undo) => undone.push(undo),
  );
  const { baseUrl, apiKey } = provider.upstreams.openai;
  server = await startServer(home, {
    DOCKER_HOST: `unix://${proxy.socketPath}`,
    OPENAI_API_KEY: apiKey,
    OPENAI_BASE_URL: baseUrl,
  });
  await deploy(
    server,
    {
      name: 'spenders',
      dockerfile: 'FROM debian:bookworm-slim\nWORKDIR /app\nCOPY app/ .\n',
      entrypoint: '/app/agent.sh',
    },
    {
      'app/agent.sh': agent,
      'app/spender.sh': spender,
      'app/notes.txt': 'new\n',
      'tasks/1/instruction.md': 'Never mind.',
      'tasks/1/tests/test.sh': tests,
    },
  );
}, 300_000);

afterAll(async () => {
  await server.kill('SIGTERM');
  await removeEverything(server.installation.id);
  await proxy[Symbol.asyncDispose]();
  for (const undo of undone) await undo();
  await rm(home, { recursive: true, force: true });
});

/** Each of the spenders has got an answer. */
async function spending(id: string): Promise<string> {
  const container = await containerOf(server, id);
  await eventually('all to spend', async () => (await execIn(container, 'ls /tmp')).match(/spent-by/g)?.length === 3);
  return container;
}

const diffOf = (id: string) => text(server.client.artifact(id, 1, 'workdir.diff'));

describe('an agent that leaves processes of every kind behind', () => {
  test('has none of them beside its tests when its time is up', { timeout: 120_000 }, async () => {
    const before = provider.log.length;
    const id = await start(server, 'spenders', { env: { seed: 1 }, limits: { timeout_s: 8 } });
    await spending(id);
    const rollout = await tidy(server, id);
    expect(rollout).toMatchObject({
      status: 'completed',
      trust: 'quiesced',
      failure: { class: 'agent_timeout' },
      reward_info: { outcome_objectives: { alive: 0, changed: 1 } },
      usage: { llm_calls: provider.log.length - before },
    });
    expect(rollout.usage.llm_calls).toBeGreaterThanOrEqual(3);
  });

  test('has none of them when it is cancelled, and what it did is kept', { timeout: 120_000 }, async () => {
    const before = provider.log.length;
    const id = await start(server, 'spenders', { env: { seed: 1 } });
    const container = await spending(id);
    // Seen when everything is over but the sandbox's own end.
    const removing = proxy.cutAt(new RegExp(`^DELETE /containers/${container}`), 'request');
    await server.client.cancel(id);
    await removing;
    expect(await processesIn(container)).toHaveLength(2);
    expect((await processesIn(container)).filter((line) => /spender|agent/.test(line))).toEqual([]);
    await proxy.mend();
    const rollout = await tidy(server, id);
    expect(rollout).toMatchObject({ status: 'cancelled', usage: { llm_calls: provider.log.length - before } });
    expect(rollout.reward_info.outcome_reward).toBeNull();
    expect(await text(server.client.rolloutLog(id))).toBe('working\n');
    expect(await diffOf(id)).toContain('-new\n+changed\n');
  });
});
