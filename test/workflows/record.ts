/**
 * Records the histories that replay.test.ts plays back: `npm run record-histories`, when a workflow has changed on
 * purpose. A real server does real work for each of them.
 */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { z } from 'zod';
import { silent } from '../../src/embedded/progress.ts';
import { runCommand } from '../../src/embedded/run-command.ts';
import { ensureTemporalCli } from '../../src/embedded/temporal-cli.ts';
import { type Json, parseJson } from '../../src/model/json.ts';
import { execIn, killContainer, removeEverything } from '../support/engine.ts';
import { deploy, eventually, plainDockerfile, upload } from '../support/project.ts';
import { containerOf, ended, rollOut, start } from '../support/running.ts';
import { disposeServer, makeHome, startServer, type TestServer } from '../support/server.ts';

const folder = fileURLToPath(new URL('../histories', import.meta.url));

/** Works at once, except for seed 2, which only ends when it is told to in its second attempt. */
const agent = `#!/bin/sh
echo begun > /app/begun
case $HARBOR_SEED.$OPENAI_API_KEY in 2.*.1.*) sleep 1000 ;; 3.*) sleep 1000 ;; esac
echo '{"metrics":{"reward_mean":1}}' > /tmp/result.json
`;

const signal = AbortSignal.timeout(300_000);
const { path: temporal } = await ensureTemporalCli(process.env, silent, signal);
const server = await startServer(await makeHome());
const connection = await Connection.connect({ address: server.temporalAddress });
try {
  await record(server, new Client({ connection }));
} finally {
  await connection.close();
  await disposeServer(server);
  await removeEverything(server.installation.id);
}

async function record(to: TestServer, client: Client): Promise<void> {
  const save = async (name: string, workflowId: string): Promise<void> => {
    const handle = client.workflow.getHandle(workflowId);
    await handle.result().catch(() => undefined);
    // Its own client writes histories as replays read them.
    const args = ['workflow', 'show', '--workflow-id', workflowId, '--output', 'json', '--address', to.temporalAddress];
    const json = parseJson(await runCommand(temporal, args, { env: process.env, signal }), z.json());
    await writeFile(`${folder}/${name}.json`, `${JSON.stringify(withoutPlaces(json), null, 1)}\n`);
    process.stderr.write(`${name}\n`);
  };

  const files = { 'run.sh': agent };
  const { snapshot_id: snapshot } = await deploy(
    to,
    { name: 'first', dockerfile: plainDockerfile, entrypoint: '/app/run.sh' },
    files,
  );
  await save('deployment-built', 'deployment/default/first/1');
  await save('build', `build/docker/${snapshot ?? ''}`);
  await deploy(to, { name: 'second', dockerfile: plainDockerfile, entrypoint: '/app/run.sh' }, files);
  await save('deployment-known', 'deployment/default/second/1');
  await upload(to, { name: 'broken', dockerfile: `${plainDockerfile}RUN false\n` }, files);
  await save('deployment-failed', 'deployment/default/broken/1');

  const { id: scored } = await rollOut(to, 'first', { env: { seed: 1 } });
  await save('rollout-scored', `rollout/${scored}`);

  const repeated = await start(to, 'first', { env: { seed: 2 } });
  await killContainer(await atWork(to, repeated));
  await ended(to, repeated);
  await save('rollout-second-attempt', `rollout/${repeated}`);

  const cancelled = await start(to, 'first', { env: { seed: 3 } });
  await atWork(to, cancelled);
  await to.client.cancel(cancelled);
  await save('rollout-cancelled', `rollout/${cancelled}`);

  await client.workflow.start('rollout', {
    taskQueue: 'harbor',
    workflowId: 'refused',
    args: [{ deployment: 'nowhere' }],
  });
  await save('rollout-refused', 'refused');
  for await (const { workflowId } of client.workflow.list({ query: 'WorkflowType = "maintenance"' })) {
    await save('maintenance', workflowId);
    break;
  }
}

async function atWork(to: TestServer, rolloutId: string): Promise<string> {
  const container = await containerOf(to, rolloutId);
  await eventually('the agent to work', async () => {
    const said = await execIn(container, 'cat /app/begun 2>/dev/null || true').catch(() => '');
    return said !== '';
  });
  return container;
}

/** Less what a replay does not need: stacks, versions, and the names of the machine and of the process (`123@host`). */
function withoutPlaces(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutPlaces);
  if (typeof value === 'string') return value.replace(/^\d+@[\w.-]+/, 'recorded');
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([key]) => !['stackTrace', 'workerVersion', 'identity'].includes(key));
  return Object.fromEntries(kept.map(([key, child]) => [key, withoutPlaces(child)]));
}
