import type { ColumnType, Generated } from 'kysely';
import type { BatchPlan, BatchStatus } from '../model/batch.ts';
import type { CallStatus, Dialect } from '../model/call.ts';
import type { OverrideResult } from '../model/context-override.ts';
import type {
  BuildStatus,
  DeploymentLimits,
  DeploymentStatus,
  EntrypointMode,
  TaskLayout,
} from '../model/deployment.ts';
import type { Egress } from '../model/egress.ts';
import type { EventContent, EventType } from '../model/event.ts';
import type { FailureClass } from '../model/failures.ts';
import type { Grant } from '../model/grant.ts';
import type { JsonObject } from '../model/json.ts';
import type { RolloutResult } from '../model/result.ts';
import type { SessionResume } from '../model/resume.ts';
import type { RolloutRequest, RolloutStatus } from '../model/rollout.ts';
import type { ModelScript, TaskSettings } from '../model/task.ts';
import type { SnapshotFacts } from '../sandboxes/provider.ts';

/** A jsonb column: read as a value, written as its text. */
type JsonColumn<T> = ColumnType<T, string, string>;
type NullableJson<T> = ColumnType<T | null, string | null | undefined, string | null>;

export interface Database {
  apiKeys: ApiKeysTable;
  deployments: DeploymentsTable;
  generations: GenerationsTable;
  tasks: TasksTable;
  builds: BuildsTable;
  instances: InstancesTable;
  snapshots: SnapshotsTable;
  contentGenerations: ContentGenerationsTable;
  rollouts: RolloutsTable;
  attempts: AttemptsTable;
  calls: CallsTable;
  journalPositions: JournalPositionsTable;
  logs: LogsTable;
  logChunks: LogChunksTable;
  artifacts: ArtifactsTable;
  events: EventsTable;
  eventStreams: EventStreamsTable;
  idempotencyKeys: IdempotencyKeysTable;
  unkeyedRequests: UnkeyedRequestsTable;
  apiProcesses: ApiProcessesTable;
  batches: BatchesTable;
  batchGenerations: BatchGenerationsTable;
  batchEvents: BatchEventsTable;
  batchPositions: BatchPositionsTable;
  batchTallies: BatchTalliesTable;
  grants: GrantsTable;
  interceptors: InterceptorsTable;
  grantLeases: GrantLeasesTable;
  interceptorAbsences: InterceptorAbsencesTable;
  budgets: BudgetsTable;
  budgetSlices: BudgetSlicesTable;
  storeIdentity: StoreIdentityTable;
}

interface ApiKeysTable {
  id: string;
  organization: string;
  name: string;
  /** sha256 of the key, hex. The key itself is kept nowhere in the store. */
  hash: string;
  createdAt: Generated<Date>;
  revokedAt: Date | null;
}

interface DeploymentsTable {
  id: string;
  organization: string;
  name: string;
  status: DeploymentStatus;
  /** Why it is `failed`. */
  error: string | null;
  /** The newest upload or rebuild. */
  generation: number;
  /** The newest generation that is ready; rollouts run on it. */
  readyGeneration: number | null;
  createdAt: Generated<Date>;
  updatedAt: Generated<Date>;
}

/** What one upload or rebuild holds; never changed once it is there. */
interface GenerationsTable {
  deploymentId: string;
  generation: number;
  description: string | null;
  dockerfile: string;
  contextRef: string;
  contextHash: string;
  layout: TaskLayout;
  entrypoint: string;
  entrypointMode: EntrypointMode;
  limits: JsonColumn<DeploymentLimits>;
  envVars: JsonColumn<Record<string, string>>;
  metadata: JsonColumn<JsonObject>;
  egress: JsonColumn<Egress>;
  force: boolean;
  /** Known once it is ready. */
  snapshotName: string | null;
  createdAt: Generated<Date>;
}

interface TasksTable {
  deploymentId: string;
  generation: number;
  position: number;
  seed: number | null;
  instruction: string | null;
  settings: JsonColumn<TaskSettings>;
  testsRef: string | null;
  script: NullableJson<ModelScript>;
}

interface BuildsTable {
  id: string;
  deploymentId: string;
  generation: number;
  status: BuildStatus;
  errorMessage: string | null;
  /** True where a snapshot of the same content was there already. */
  cached: boolean;
  snapshotName: string | null;
  logId: string | null;
  createdAt: Generated<Date>;
  startedAt: Date | null;
  endedAt: Date | null;
}

interface InstancesTable {
  deploymentId: string;
  seed: number;
  createdAt: Generated<Date>;
}

interface SnapshotsTable {
  name: string;
  provider: string;
  providerRef: string;
  sizeBytes: number | null;
  facts: JsonColumn<SnapshotFacts>;
  createdAt: Generated<Date>;
  lastUsedAt: Date;
}

/** `force` raises the generation of a content, so that it gets another hash and is built anew. */
interface ContentGenerationsTable {
  baseHash: string;
  generation: number;
}

interface RolloutsTable {
  id: string;
  organization: string;
  deploymentId: string;
  deploymentName: string;
  generation: number;
  snapshotName: string;
  traceCorrelationId: string;
  /** A mark that rollouts share which are to be compared. */
  comparison: string | null;
  batchId: string | null;
  /** Which cell of the batch's grid it is, and in which generation: 1, or more for a retry. */
  batchCell: number | null;
  batchGeneration: number | null;
  sample: number | null;
  policyIndex: number | null;
  /** The rollout that it makes up for. */
  retryOf: string | null;
  /** The larger, the sooner it gets a place. */
  priority: Generated<number>;
  /** Its generation's limits: what it takes of the capacity while it holds a place. */
  cpuCores: Generated<number>;
  memoryMb: Generated<number>;
  seed: number | null;
  agent: string;
  model: string | null;
  status: RolloutStatus;
  request: JsonColumn<RolloutRequest>;
  /** The one workflow run that may work on it; both null until it has asked for a place. */
  workflowId: string | null;
  workflowRunId: string | null;
  attempt: Generated<number>;
  createdAt: Generated<Date>;
  /** When it got one of the places for running rollouts, and when it gave it back. */
  admittedAt: Date | null;
  releasedAt: Date | null;
  closedAt: Date | null;
  reward: number | null;
  failureClass: FailureClass | null;
  result: NullableJson<RolloutResult>;
  /** When bodies of calls, logs, artifacts and output were removed, and after how many days they were to be. */
  traceRemovedAt: Date | null;
  traceKeptDays: number | null;
}

interface BatchesTable {
  id: string;
  organization: string;
  deploymentId: string;
  deploymentName: string;
  name: string | null;
  status: ColumnType<BatchStatus, BatchStatus | undefined, BatchStatus>;
  /** Why no further rollout starts, where a rule or a budget said so. */
  stopReason: string | null;
  /** Cells of the grid. */
  planned: number;
  /** Rollouts to be started in all, retries included; `cursor` of them were. */
  total: number;
  cursor: Generated<number>;
  concurrency: number;
  priority: number;
  /** Of the deployment. */
  generation: number;
  snapshotName: string;
  plan: JsonColumn<BatchPlan>;
  createdAt: Generated<Date>;
  /** The last time. Its rules for stopping look at what has ended since. */
  retriedAt: Date | null;
  closedAt: Date | null;
}

/** A retry of some of a batch's cells. The first generation has no row: it is the whole grid. */
interface BatchGenerationsTable {
  batchId: string;
  generation: number;
  /** Place of its first rollout among all that the batch starts. */
  first: number;
  cells: JsonColumn<readonly RetriedCell[]>;
}

/** Only ever added to: changes of status of a batch's rollouts, and of the batch itself, which have no rollout. */
interface BatchEventsTable {
  batchId: string;
  /** Without a gap within the batch. */
  seq: number;
  at: Generated<Date>;
  rolloutId: string | null;
  attempt: number | null;
  status: RolloutStatus | BatchStatus;
  reward: number | null;
  failureClass: FailureClass | null;
  stopReason: string | null;
  concurrency: number | null;
  total: number | null;
}

/** How many events a batch has. */
interface BatchPositionsTable {
  batchId: string;
  position: number;
  /** Rollouts that were closed since the last retry, and those of them that were lost; see store/batch-tallies.ts. */
  ended: Generated<number>;
  lost: Generated<number>;
}

/** What a batch has used; see store/batch-tallies.ts. No row: nothing yet. */
interface BatchTalliesTable {
  batchId: string;
  attempts: Generated<number>;
  /** Without those that were refused. */
  calls: Generated<number>;
  tokens: Generated<number>;
  /** A decimal. */
  costUsd: Generated<string>;
  unpricedCalls: Generated<number>;
}

export interface RetriedCell {
  readonly cell: number;
  /** Its newest rollout; null where none was ever started. */
  readonly of: string | null;
}

interface AttemptsTable {
  rolloutId: string;
  attempt: number;
  sandboxName: string;
  startedAt: Generated<Date>;
  provisionedAt: Date | null;
  agentStartedAt: Date | null;
  agentEndedAt: Date | null;
  /** How the agent's session was taken up again, in order. */
  resumes: ColumnType<readonly SessionResume[], string | undefined, string>;
  /** When the agent's processes were ended for the sake of the tests, which nobody may end that way. */
  quiescedAt: Date | null;
  testsStartedAt: Date | null;
  /** What `pausedMs` was when the tests began. */
  pausedBeforeTestsMs: Generated<number>;
  evaluatedAt: Date | null;
  endedAt: Date | null;
  /** While the sandbox is paused, and milliseconds that it was before: they count in no timeout. */
  pausedAt: Date | null;
  pausedMs: Generated<number>;
  overrides: NullableJson<readonly OverrideResult[]>;
  failureClass: FailureClass | null;
  failureMessage: string | null;
}

interface CallsTable {
  id: string;
  rolloutId: string;
  attempt: number;
  dialect: Dialect;
  method: string;
  path: string;
  upstream: string;
  requestedModel: string | null;
  responseModel: string | null;
  responseId: string | null;
  streamed: boolean;
  status: CallStatus;
  httpStatus: number | null;
  stopReason: string | null;
  retryOf: string | null;
  inputTokens: number | null;
  cachedTokens: number | null;
  cacheWriteTokens: number | null;
  outputTokens: number | null;
  reasoningTokens: number | null;
  costUsd: number | null;
  requestRef: string | null;
  requestBytes: number;
  responseRef: string | null;
  responseBytes: number;
  contentType: string | null;
  startedAt: Date;
  firstByteAt: Date | null;
  endedAt: Date | null;
  error: string | null;
}

interface JournalPositionsTable {
  journal: string;
  position: number;
}

/** A log that is closed lies in one blob; until then in chunks. */
interface LogsTable {
  id: string;
  ref: string;
  bytes: number;
  closedAt: Generated<Date>;
}

interface LogChunksTable {
  logId: string;
  byteOffset: number;
  data: Uint8Array;
}

interface ArtifactsTable {
  rolloutId: string;
  attempt: number;
  name: string;
  contentType: string;
  bytes: number;
  /** null: it was not kept, and `omitted` says why. */
  ref: string | null;
  omitted: string | null;
  createdAt: Generated<Date>;
}

/** Only ever added to, until the rollout's trace is removed. */
interface EventsTable {
  rolloutId: string;
  /** Without a gap within the rollout, until its output is removed. */
  seq: number;
  key: string;
  type: EventType;
  attempt: number;
  at: Generated<Date>;
  data: JsonColumn<EventContent>;
}

/** How far a stream of output was told as events. */
interface EventStreamsTable {
  rolloutId: string;
  stream: string;
  position: number;
}

/** A request that its caller may send again; what it makes has the id that stands here before it is made. */
interface IdempotencyKeysTable {
  organization: string;
  key: string;
  /** Method and path. */
  request: string;
  /** sha256 of the body, hex. */
  bodyHash: string;
  effectId: string;
  createdAt: Generated<Date>;
}

/** A rollout request without a key, which may come again. */
interface UnkeyedRequestsTable {
  /** Its rollout's id, or what the ids of its rollouts begin with. */
  id: string;
  fingerprint: string;
  rollouts: readonly string[];
  /** The connection that waits for its result, and the API process that has it; both null where there is none. */
  connection: string | null;
  process: string | null;
  deliveredAt: Date | null;
  createdAt: Generated<Date>;
}

/** A process of the API that has, or had, connections which wait. */
interface ApiProcessesTable {
  id: string;
  /** By the database's clock. */
  seenAt: Date;
}

interface GrantsTable {
  rolloutId: string;
  attempt: number;
  /** null: it was revoked before it was ever granted. */
  content: NullableJson<Grant>;
  grantedAt: Generated<Date>;
  /** For ever. */
  revokedAt: Date | null;
}

interface InterceptorsTable {
  id: string;
  /** By the database's clock. What it was told before this holds for `leaseSeconds`, and no longer. */
  seenAt: Date;
  /** Every call that ended at it before this is in the store, and every absence. */
  settledAt: Date | null;
}

/** A time in which an interceptor served nobody. */
interface InterceptorAbsencesTable {
  interceptor: string;
  since: Date;
  until: Date;
}

/** One row. */
interface StoreIdentityTable {
  /** Tells this database from any other; made with it, and copied with it. */
  id: string;
}

/** An interceptor that was told of a grant. */
interface GrantLeasesTable {
  rolloutId: string;
  attempt: number;
  interceptor: string;
  /** When it said that it serves the revoked attempt no more. */
  acknowledgedAt: Date | null;
  /** When all that it had served of it was in the store. */
  drainedAt: Date | null;
}

/** A row for each budget that interceptors share; whoever changes its slices locks it. */
interface BudgetsTable {
  id: string;
  usedAt: Date;
}

/** What an interceptor may spend of a budget, all that it ever spent of it included. All slices together are never more. */
interface BudgetSlicesTable {
  budget: string;
  interceptor: string;
  /** One more with each change, so that a question which was overtaken changes nothing. */
  version: number;
  heldUsd: number;
  heldTokens: number;
  heldCalls: number;
  /** All of it is spent for good: nothing of it is unused or held by open calls. */
  isFinal: boolean;
  /** When the interceptor last said that calls of its wait for room in the budget. */
  wantingAt: Date | null;
}
