import { EventEmitter } from 'node:events';
import { type ApiKeyStore, apiKeyStore } from './api-keys.ts';
import { type ArtifactStore, artifactStore } from './artifacts.ts';
import { type AttemptStore, attemptStore } from './attempts.ts';
import { type BatchStore, batchStore } from './batches.ts';
import { type LedgerStore, ledgerStore } from './batch-ledger.ts';
import type { BlobStore } from './blobs.ts';
import { type BudgetStore, budgetStore } from './budgets.ts';
import { type CallStore, callStore } from './calls.ts';
import type { Db } from './database.ts';
import { type DeploymentStore, deploymentStore } from './deployments.ts';
import { type EventStore, eventStore } from './events.ts';
import { type FigureStore, figureStore } from './figures.ts';
import { type IdempotencyKeyStore, idempotencyKeyStore } from './idempotency-keys.ts';
import { type GrantStore, grantStore } from './grants.ts';
import { type InstanceStore, instanceStore } from './instances.ts';
import { type LogStore, logStore } from './logs.ts';
import { type RolloutStore, rolloutStore } from './rollouts.ts';
import { blobReferences } from './blob-references.ts';
import { type TraceStore, traceStore } from './traces.ts';
import { type SnapshotStore, snapshotStore } from './snapshots.ts';
import { type UnkeyedRequestStore, unkeyedRequestStore } from './unkeyed-requests.ts';

/** Everything that lasts, by table family. */
export interface Store {
  readonly apiKeys: ApiKeyStore;
  readonly deployments: DeploymentStore;
  readonly instances: InstanceStore;
  readonly snapshots: SnapshotStore;
  readonly rollouts: RolloutStore;
  readonly attempts: AttemptStore;
  readonly calls: CallStore;
  readonly logs: LogStore;
  readonly artifacts: ArtifactStore;
  readonly events: EventStore;
  readonly figures: FigureStore;
  readonly idempotencyKeys: IdempotencyKeyStore;
  readonly unkeyedRequests: UnkeyedRequestStore;
  readonly batches: BatchStore;
  readonly ledger: LedgerStore;
  readonly grants: GrantStore;
  readonly budgets: BudgetStore;
  readonly traces: TraceStore;
  readonly blobs: BlobStore;
  /** Every ref of a blob that the store holds; see `blob-references.ts`. */
  readonly blobReferences: () => AsyncIterable<readonly string[]>;
  /** Tells this database from any other. */
  readonly identity: () => Promise<string>;
}

export function createStore(db: Db, blobs: BlobStore): Store {
  /** Rung with a rollout's id whenever this process adds to its events. */
  const bell = new EventEmitter().setMaxListeners(0);
  return {
    apiKeys: apiKeyStore(db),
    deployments: deploymentStore(db),
    instances: instanceStore(db),
    snapshots: snapshotStore(db),
    rollouts: rolloutStore(db, bell),
    attempts: attemptStore(db),
    calls: callStore(db, bell),
    logs: logStore(db, blobs),
    artifacts: artifactStore(db),
    events: eventStore(db, bell),
    figures: figureStore(db),
    idempotencyKeys: idempotencyKeyStore(db),
    unkeyedRequests: unkeyedRequestStore(db),
    batches: batchStore(db),
    ledger: ledgerStore(db),
    grants: grantStore(db),
    budgets: budgetStore(db),
    traces: traceStore(db),
    blobs,
    blobReferences: () => blobReferences(db),
    identity: async () => (await db.selectFrom('storeIdentity').select('id').executeTakeFirstOrThrow()).id,
  };
}
