import type { InstanceCounts } from '../../model/instance.ts';
import { say } from '../output.ts';

/** In the existing client's words, as far as it has any. */
export function sayCounts(counts: InstanceCounts): void {
  say(`  Total: ${counts.total}`);
  say(`  Ready: ${counts.ready_count}`);
  if (counts.pending_count > 0) say(`  Pending: ${counts.pending_count}`);
  say(`  Building: ${counts.building_count}`);
  say(`  Failed: ${counts.failed_count}`);
}
