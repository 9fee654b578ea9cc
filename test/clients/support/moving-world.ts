import { setTimeout as sleep } from 'node:timers/promises';
import type { RolloutResult } from '../../../src/model/result.ts';
import { failures, type FailureClass, isFailureClass } from '../../../src/model/failures.ts';
import type { TestStore } from '../../support/store.ts';
import { plainFacts } from '../../support/deployment.ts';
import { earnedOne, endRollout } from '../../support/rollout.ts';

const pauseMs = 100;
const failureClasses: readonly FailureClass[] = Object.keys(failures).filter(isFailureClass);

/**
 * Does what a worker would, without doing anything: ends the builds, rollouts and batches that are open, one in this way and the
 * next in that, but for the builds of the deployment `alwaysReady`. Returns when the signal is aborted.
 */
export async function moveOn(store: TestStore, alwaysReady: string, signal: AbortSignal): Promise<void> {
  for (let turn = 0; !signal.aborted; turn += 1) {
    await endBuilds(store, alwaysReady, turn);
    await endRollouts(store, turn);
    await endBatches(store, turn);
    await sleep(pauseMs, undefined, { signal }).catch(() => {});
  }
}

async function endBuilds(
  { db, deployments, snapshots, logs }: TestStore,
  alwaysReady: string,
  turn: number,
): Promise<void> {
  const open = await db
    .selectFrom('builds')
    .innerJoin('deployments', 'deployments.id', 'builds.deploymentId')
    .select(['builds.id', 'deployments.name'])
    .where('endedAt', 'is', null)
    .execute();
  for (const [index, { id, name }] of open.entries()) {
    const snapshotName = `snapshot-${id}`;
    await deployments.beginBuild(id, snapshotName);
    await deployments.setBuildLog(id, `build-${id}`);
    await logs.append(`build-${id}`, 0, Buffer.from('Step 1/1\n'));
    const facts = { ...plainFacts, hasRunRollout: name === alwaysReady || (turn + index) % 2 === 0 };
    await snapshots.save('docker', { name: snapshotName, providerRef: 'image', sizeBytes: 1, facts });
    await deployments.endBuild(
      id,
      name !== alwaysReady && (turn + index) % 4 === 3
        ? { status: 'failed', errorMessage: 'no such image' }
        : { status: 'completed', snapshotName, cached: index % 2 === 0 },
    );
  }
}

async function endRollouts(store: TestStore, turn: number): Promise<void> {
  const open = await store.db.selectFrom('rollouts').select('id').where('closedAt', 'is', null).execute();
  for (const [index, { id }] of open.entries()) await endRollout(store, id, resultOf(turn + index));
}

/** Lets each start a few rollouts; every other one is stopped before it is through, however large it is. */
async function endBatches({ batches }: TestStore, turn: number): Promise<void> {
  for (const [index, id] of (await batches.unfinished()).entries()) {
    await batches.turn(id, 3);
    if ((turn + index) % 2 === 0) await batches.move(id, ['running', 'paused'], 'cancelling');
  }
}

function resultOf(turn: number): RolloutResult {
  const failure = failureClasses[turn % (2 * failureClasses.length)];
  if (failure === undefined) return { ...earnedOne, details: { tests_passed: 3 } };
  const isScored = failures[failure].scored && turn % 2 === 0;
  return {
    ...earnedOne,
    ...(isScored ? {} : { reward: null, rewards: null, trust: null, exitCode: null }),
    failure: { class: failure, message: `it ended by ${failure}` },
  };
}
