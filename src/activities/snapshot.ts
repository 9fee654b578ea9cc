import { createHash } from 'node:crypto';
import { WorkflowIdConflictPolicy, WorkflowIdReusePolicy } from '@temporalio/common';
import { WorkflowFailedError } from '@temporalio/client';
import { baseImages } from '../model/dockerfile.ts';
import { HarborError } from '../model/errors.ts';
import type { Failure } from '../model/failures.ts';
import { buildLogId, buildWorkflowId, taskQueue } from '../model/ids.ts';
import type { BuildInput, DeploymentInput, PreparedBuild } from '../model/stages.ts';
import type { GenerationRow } from '../store/deployments.ts';
import type { ActivityScope } from './activity.ts';
import type { ActivityDeps } from './deps.ts';
import { LogWriter } from './log-writer.ts';

/** Finds out which snapshot a generation needs, and whether the provider has it. */
export async function prepareBuild(
  { store, provider }: ActivityDeps,
  { deploymentId, generation, buildId }: DeploymentInput,
  { signal, report }: ActivityScope,
): Promise<PreparedBuild> {
  const build = await store.deployments.build(buildId);
  const row = await store.deployments.generation(deploymentId, generation);
  let snapshotName = build?.snapshotName ?? null;
  if (snapshotName === null) {
    report('resolving the base images');
    const images = await provider.resolveImages(baseImages(row.dockerfile), signal);
    const baseHash = contentHash(provider.id, row, images);
    const forced = await store.deployments.contentGeneration(baseHash, row.force);
    snapshotName = forced === 0 ? baseHash : sha256(`${baseHash}\n${forced}`);
    await store.deployments.beginBuild(buildId, snapshotName);
  }
  const found = await provider.findSnapshot(snapshotName, signal);
  if (!found) return { snapshotName, ready: false };
  await store.snapshots.save(provider.id, found);
  return { snapshotName, ready: true };
}

/** Same Dockerfile, same context, same base images: same snapshot. */
function contentHash(
  provider: string,
  { dockerfile, contextHash }: GenerationRow,
  images: ReadonlyMap<string, string>,
): string {
  const bases = [...images].map(([image, digest]) => `${image}=${digest}`).toSorted();
  return sha256(['snapshot-v1', provider, contextHash, ...bases, dockerfile].join('\n'));
}

/** 128 bits name a snapshot: short enough for an image tag that people read. */
function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

/** Starts the snapshot's build, or joins the one that runs, and waits for its end. */
export async function joinBuild(
  { store, provider, client }: ActivityDeps,
  { deploymentId, generation, buildId }: DeploymentInput,
  { signal, report }: ActivityScope,
): Promise<void> {
  const build = await store.deployments.build(buildId);
  if (!build?.snapshotName) throw new HarborError('internal', `build ${buildId} has not been prepared`);
  const input: BuildInput = { provider: provider.id, snapshotName: build.snapshotName, deploymentId, generation };
  const handle = await client.workflow.start('build', {
    taskQueue,
    workflowId: buildWorkflowId(provider.id, build.snapshotName),
    workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
    workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
    args: [input],
    staticSummary: `Snapshot ${build.snapshotName.slice(0, 12)}`,
  });
  const logId = logOfRun(provider.id, build.snapshotName, handle.firstExecutionRunId);
  await store.deployments.setBuildLog(buildId, logId);
  report('building');
  try {
    await client.withAbortSignal(signal, () => handle.result());
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    throw new HarborError('build_failed', rootCause(error).message, { cause: error });
  }
}

/** Temporal wraps what an activity threw once for the activity and once for the workflow. */
function rootCause(error: Error): Error {
  return error.cause instanceof Error ? rootCause(error.cause) : error;
}

/** Builds the snapshot; its output goes to the log of this run of the build. */
export async function buildSnapshot(
  { store, provider }: ActivityDeps,
  { snapshotName, deploymentId, generation }: BuildInput,
  { signal, workflowRunId, report }: ActivityScope,
): Promise<void> {
  const row = await store.deployments.generation(deploymentId, generation);
  const logId = logOfRun(provider.id, snapshotName, workflowRunId);
  const log = await LogWriter.continue(store.logs, logId);
  if (log.length > 0) await log.write(Buffer.from('\n--- the build was interrupted and starts again ---\n'));
  let logged = Promise.resolve();
  try {
    const snapshot = await provider.ensureSnapshot({
      name: snapshotName,
      dockerfile: row.dockerfile,
      context: () => store.blobs.open(row.contextRef),
      force: row.force,
      onLog: (text) => {
        const line = text.trim();
        if (line !== '') report(line.slice(0, 200));
        logged = logged.then(() => log.write(Buffer.from(text)));
      },
      signal,
    });
    await store.snapshots.save(provider.id, snapshot);
  } finally {
    await logged;
    await log.flush();
  }
  await store.logs.close(logId);
}

const logOfRun = (provider: string, snapshotName: string, runId: string): string =>
  `${buildLogId(provider, snapshotName)}/${runId}`;

export interface EndBuildRequest extends DeploymentInput {
  /** null: the snapshot is there. */
  readonly failure: Failure | null;
  /** Nothing had to be built. */
  readonly cached: boolean;
}

/** Lines of a failed build's log that its reason repeats. */
const tailLines = 20;

/** Writes down how a generation's build ended. A failure says why, with the end of the log. */
export async function endBuild({ store }: ActivityDeps, { buildId, failure, cached }: EndBuildRequest): Promise<void> {
  const build = await store.deployments.build(buildId);
  if (!build) throw new HarborError('internal', `there is no build ${buildId}`);
  if (failure === null && build.snapshotName !== null) {
    await store.deployments.endBuild(buildId, { status: 'completed', snapshotName: build.snapshotName, cached });
    return;
  }
  const tail = build.logId === null ? '' : await logTail(store.logs, build.logId);
  const reason = failure?.message ?? 'the build ended without a snapshot';
  await store.deployments.endBuild(buildId, {
    status: 'failed',
    errorMessage: tail === '' ? reason : `${reason}\n\n${tail}`,
  });
}

async function logTail(logs: ActivityDeps['store']['logs'], logId: string): Promise<string> {
  const length = await logs.length(logId);
  const end = await logs.read(logId, Math.max(0, length - 16 * 1024));
  return end.toString('utf8').trimEnd().split('\n').slice(-tailLines).join('\n');
}
