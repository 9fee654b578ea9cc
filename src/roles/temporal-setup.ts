import { type Client, ScheduleAlreadyRunning, ScheduleOverlapPolicy } from '@temporalio/client';
import type { SearchAttributeType } from '@temporalio/common';
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

/** Makes what Harbor's workflows rely on: search attributes and the maintenance schedule. Idempotent. */
export async function prepareTemporal(client: Client): Promise<void> {
  await makeSearchAttributes(client);
  await scheduleMaintenance(client);
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

const maintenanceEvery = '5 minutes';

async function scheduleMaintenance(client: Client): Promise<void> {
  try {
    await client.schedule.create({
      scheduleId: 'maintenance',
      spec: { intervals: [{ every: maintenanceEvery }] },
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 minute' },
      action: {
        type: 'startWorkflow',
        workflowType: 'maintenance',
        workflowId: 'maintenance',
        taskQueue,
        args: [],
        staticSummary: 'Close what Temporal no longer works on, remove what nobody owns',
      },
      state: { triggerImmediately: true },
    });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
  }
}
