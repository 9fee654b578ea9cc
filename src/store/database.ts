import { CamelCasePlugin, type Dialect, Kysely } from 'kysely';
import * as first from './migrations/0001-first.ts';
import * as events from './migrations/0002-events.ts';
import * as instances from './migrations/0003-instances.ts';
import * as batchMarks from './migrations/0004-batch-marks.ts';
import * as grants from './migrations/0010-grants.ts';
import * as batches from './migrations/0020-batches.ts';
import * as capacity from './migrations/0040-capacity.ts';
import * as idempotencyKeys from './migrations/0050-idempotency-keys.ts';
import * as batchEvents from './migrations/0060-batch-events.ts';
import * as batchRetriedAt from './migrations/0061-batch-retried-at.ts';
import * as resumes from './migrations/0070-resumes.ts';
import * as traceRetention from './migrations/0080-trace-retention.ts';
import * as storeIdentity from './migrations/0081-store-identity.ts';
import * as budgetSlices from './migrations/0085-budget-slices.ts';
import * as unkeyedRequests from './migrations/0090-unkeyed-requests.ts';
import * as batchTallies from './migrations/0097-batch-tallies.ts';
import * as batchIndex from './migrations/0098-batch-index.ts';
import type { Database } from './schema.ts';

export type Db = Kysely<Database>;

/** The same tables and the same SQL, whatever carries them. */
export function openDatabase(dialect: Dialect): Db {
  return new Kysely<Database>({ dialect, plugins: [new CamelCasePlugin({ maintainNestedObjectKeys: true })] });
}

/** In their order; see migrate.ts for how they are applied. */
export const migrations = {
  '0001-first': first,
  '0002-events': events,
  '0003-instances': instances,
  '0004-batch-marks': batchMarks,
  '0010-grants': grants,
  '0020-batches': batches,
  '0040-capacity': capacity,
  '0050-idempotency-keys': idempotencyKeys,
  '0060-batch-events': batchEvents,
  '0061-batch-retried-at': batchRetriedAt,
  '0070-resumes': resumes,
  '0080-trace-retention': traceRetention,
  '0081-store-identity': storeIdentity,
  '0085-budget-slices': budgetSlices,
  '0090-unkeyed-requests': unkeyedRequests,
  '0097-batch-tallies': batchTallies,
  '0098-batch-index': batchIndex,
};

/** A value for a jsonb column. */
export function toJson(value: object): string {
  return JSON.stringify(value);
}
