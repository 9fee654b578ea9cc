import { type Client, ScheduleAlreadyRunning, ScheduleOverlapPolicy } from '@temporalio/client';
import type { Duration, SearchAttributeType } from '@temporalio/common';
import { type GcRequest, gcRequestSchema } from '../model/garbage.ts';
import { taskQueue } from '../model/ids.ts';
import { searchAttributes } from '../workflows/search-attributes.ts';

/** Numbers of temporal.api.enums.v1.IndexedValueType. */
const indexedTypes: Record<SearchAttributeType, number> = {
  TEXT: 1,
  KEYWORD: 2,
  INT: 3,
  DOUBLE: 4,
  BOOL: 5,
  DATETIME: 6,
  KEYWORD_LIST: 7,
};

/** Makes what Harbor's workflows rely on: search attributes, and the schedules of what keeps house. Idempotent. */
export async function prepareTemporal(client: Client): Promise<void> {
  await makeSearchAttributes(client);
  await schedule(
    client,
    'maintenance',
    '5 minutes',
    'Close what Temporal no longer works on, remove what nobody owns',
    [],
  );
  await schedule(client, 'gc', '1 hour', 'Remove what nobody needs', [everything]);
}

async function makeSearchAttributes({ connection, options: { namespace } }: Client): Promise<void> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const missing = Object.values(searchAttributes).filter(({ name }) => !(name in customAttributes));
  if (missing.length === 0) return;
  await connection.operatorService.addSearchAttributes({
    namespace,
    searchAttributes: Object.fromEntries(missing.map(({ name, type }) => [name, indexedTypes[type]])),
  });
}

const everything: GcRequest = gcRequestSchema.parse({});

/** Has a workflow run again and again, never twice at a time. */
async function schedule(
  client: Client,
  workflowType: string,
  every: Duration,
  staticSummary: string,
  args: readonly unknown[],
): Promise<void> {
  try {
    await client.schedule.create({
      scheduleId: workflowType,
      spec: { intervals: [{ every }] },
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 minute' },
      action: {
        type: 'startWorkflow',
        workflowType,
        workflowId: workflowType,
        taskQueue,
        args: [...args],
        staticSummary,
      },
      state: { triggerImmediately: true },
    });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
  }
}
