import { proxyActivities, setCurrentDetails } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { seenToItsEnd } from './seen-to-its-end.ts';

const { reconcile, sweep } = proxyActivities<Activities>({
  ...seenToItsEnd,
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '30 seconds',
  retry: { maximumAttempts: 3 },
});

/** Run by a schedule: closes rows whose workflow is gone, then removes what nobody owns at the provider. */
export async function maintenance(): Promise<{ readonly closed: number; readonly removed: number }> {
  const closed = await reconcile.executeWithOptions({ summary: 'Close what Temporal no longer works on' }, []);
  const removed = await sweep.executeWithOptions({ summary: 'Remove what nobody owns' }, []);
  setCurrentDetails(`${closed} rows closed, ${removed} sandboxes and other leftovers removed`);
  return { closed, removed };
}
