import { CancellationScope, proxyActivities, setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import type { Failure } from '../model/failures.ts';
import type { DeploymentInput } from '../model/stages.ts';
import { failureOf } from './failure-of.ts';
import { searchAttributes } from './search-attributes.ts';
import { seenToItsEnd } from './seen-to-its-end.ts';

const { prepareBuild, joinBuild, endBuild } = proxyActivities<Activities>({
  ...seenToItsEnd,
  startToCloseTimeout: '6 hours',
  heartbeatTimeout: '30 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
});

/** One upload or rebuild on its way to a snapshot: pending, building, then ready or failed. */
export async function deployment(input: DeploymentInput): Promise<{ readonly failure: Failure | null }> {
  upsertSearchAttributes([
    { key: searchAttributes.deployment, value: input.name },
    { key: searchAttributes.status, value: 'building' },
  ]);
  const { cached, failure } = await makeSnapshot(input);
  await CancellationScope.nonCancellable(() => endBuild({ ...input, failure, cached }));
  upsertSearchAttributes([{ key: searchAttributes.status, value: failure ? 'failed' : 'ready' }]);
  setCurrentDetails(
    failure
      ? `**failed** \`${failure.class}\`: ${failure.message}`
      : cached
        ? '**ready**, nothing to build'
        : '**ready**',
  );
  return { failure };
}

async function makeSnapshot(input: DeploymentInput): Promise<{ cached: boolean; failure: Failure | null }> {
  try {
    setCurrentDetails('resolving the base images');
    const { snapshotName, ready } = await prepareBuild.executeWithOptions({ summary: 'Is it built already?' }, [input]);
    if (ready) return { cached: true, failure: null };
    setCurrentDetails(`building snapshot \`${snapshotName}\``);
    await joinBuild.executeWithOptions({ summary: 'Build the snapshot' }, [input]);
    return { cached: false, failure: null };
  } catch (error) {
    return { cached: false, failure: failureOf(error) };
  }
}
