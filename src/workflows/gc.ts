import { proxyActivities, setCurrentDetails } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import type { GcReport, GcRequest } from '../model/garbage.ts';
import { seenToItsEnd } from './seen-to-its-end.ts';

const { collectGarbage } = proxyActivities<Activities>({
  ...seenToItsEnd,
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: '30 seconds',
  retry: { maximumAttempts: 3 },
});

/** Run by a schedule, and by who asks for it: removes what nobody needs beyond what is to be kept. */
export async function gc(request: GcRequest): Promise<GcReport> {
  const what = request.dry_run ? 'Tell what nobody needs' : 'Remove what nobody needs';
  const report = await collectGarbage.executeWithOptions({ summary: what }, [request]);
  const lines = report.removed.map(({ kind, count, bytes }) => `- ${count} of kind ${kind}, ${bytes} bytes`);
  setCurrentDetails(lines.length === 0 ? 'nothing to remove' : lines.join('\n'));
  return report;
}
