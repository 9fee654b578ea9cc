/**
 * Records the histories that replay.test.ts plays back: `npm run record-histories`, when a workflow has changed on
 * purpose. A real server does real work for each of them.
 */
import { readdir, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { z } from 'zod';
import { silent } from '../../src/embedded/progress.ts';
import { runCommand } from '../../src/embedded/run-command.ts';
import { ensureTemporalCli } from '../../src/embedded/temporal-cli.ts';
import { batchWorkflowId, rolloutWorkflowId } from '../../src/model/ids.ts';
import { type Json, parseJson } from '../../src/model/json.ts';
import { execIn, killContainer, removeEverything } from '../support/engine.ts';
import { deploy, eventually, plainDockerfile, upload } from '../support/project.ts';
import { containerOf, ended, rollOut, start } from '../support/running.ts';
import { disposeServer, makeHome, startServer, type TestServer } from '../support/server.ts';

const folder = fileURLToPath(new URL('../histories', import.meta.url));

/** Works at once, except for seed 2, which does so in its second attempt, seed 3, which has to be ended, and seed 4, which fails. */
const agent = `#!/bin/sh
echo begun > /app/begun
case $HARBOR_SEED.$OPENAI_API_KEY in 2.*.1.*) sleep 1000 ;; 3.*) sleep 1000 ;; 4.*) exit 3 ;; esac
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
  const save = async (name: string, workflowId: string, runId?: string): Promise<void> => {
    await client.workflow
      .getHandle(workflowId, runId, { followRuns: false })
      .result()
      .catch(() => undefined);
    // Its own client writes histories as replays read them.
    const args = ['workflow', 'show', '--workflow-id', workflowId, '--output', 'json', '--address', to.temporalAddress];
    if (runId !== undefined) args.push('--run-id', runId);
    const json = parseJson(await runCommand(temporal, args, { env: process.env, signal }), z.json());
    await writeFile(`${folder}/${name}.json`, `${JSON.stringify(withoutPlaces(json), null, 1)}\n`);
    process.stderr.write(`${name}\n`);
  };

  for (const file of await readdir(folder)) await rm(`${folder}/${file}`);
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

  const { id: failed } = await rollOut(to, 'first', { env: { seed: 4 } });
  await save('rollout-agent-failed', `rollout/${failed}`);

  await client.workflow.start('rollout', {
    taskQueue: 'harbor',
    workflowId: 'refused',
    args: [{ deployment: 'nowhere' }],
  });
  await save('rollout-refused', 'refused');
  for (const type of ['maintenance', 'gc']) {
    for await (const { workflowId } of client.workflow.list({ query: `WorkflowType = "${type}"` })) {
      await save(type, workflowId);
      break;
    }
  }
  await recordBatches(to, client, save);
}

type Save = (name: string, workflowId: string, runId?: string) => Promise<void>;

/** One that ends in its first run, with a rollout of it; one that is steered and handed over from run to run, then cancelled. */
async function recordBatches(to: TestServer, client: Client, save: Save): Promise<void> {
  const { id: plain } = await to.client.startBatch('first', { seeds: [1, 4], concurrency: 1 });
  await save('batch', batchWorkflowId(plain));
  await save('rollout-of-batch', rolloutWorkflowId(`${plain}-0`));

  const { id: batchId } = await to.client.startBatch('first', { seeds: [3, 5, 6, 7], concurrency: 2 });
  const workflowId = batchWorkflowId(batchId);
  // In the place of its own run, one that hands over soon.
  const begun = client.workflow.getHandle(workflowId);
  await begun.terminate();
  const handle = await client.workflow.start('batch', {
    taskQueue: 'harbor',
    workflowId,
    args: [{ batchId, endedPerRun: 1 }],
  });
  await handle.executeUpdate('pause');
  await handle.executeUpdate('setConcurrency', { args: [3] });
  await handle.executeUpdate('resume');
  await eventually('the others to end', async () => (await to.client.batch(batchId)).counts.scored === 3);
  await handle.executeUpdate('cancel');
  await handle.result();
  const runs: { runId: string; startTime: Date }[] = [];
  for await (const { runId, startTime, status } of client.workflow.list({ query: `WorkflowId = "${workflowId}"` })) {
    if (status.name !== 'TERMINATED') runs.push({ runId, startTime });
  }
  runs.sort((a, b) => a.startTime.getTime() - b.startTime.getTime());
  for (const [index, { runId }] of runs.entries()) await save(`batch-handed-over-${index + 1}`, workflowId, runId);
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
