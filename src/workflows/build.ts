import { proxyActivities, setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import type { BuildInput } from '../model/stages.ts';
import { searchAttributes } from './search-attributes.ts';
import { seenToItsEnd } from './seen-to-its-end.ts';

const { buildSnapshot } = proxyActivities<Activities>({
  ...seenToItsEnd,
  startToCloseTimeout: '6 hours',
  heartbeatTimeout: '30 seconds',
  retry: { initialInterval: '2 seconds', maximumInterval: '30 seconds' },
});

/** One snapshot, for however many deployments hold its content. Fails where the Dockerfile does not build. */
export async function build(input: BuildInput): Promise<void> {
  upsertSearchAttributes([{ key: searchAttributes.status, value: 'building' }]);
  setCurrentDetails(`snapshot \`${input.snapshotName}\` at ${input.provider}`);
  await buildSnapshot.executeWithOptions({ summary: 'Build the image' }, [input]);
  upsertSearchAttributes([{ key: searchAttributes.status, value: 'ready' }]);
}
