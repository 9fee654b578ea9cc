import { z } from 'zod';
import { batchEventSchema, type BatchStreamEvent } from '../model/batch-event-responses.ts';
import type { batchRequestSchema, retryBodySchema } from '../model/batch.ts';
import { type BatchResponse, type BatchSummary, batchListSchema, batchSchema } from '../model/batch-responses.ts';
import type { buildDeploymentSchema, createDeploymentSchema } from '../model/deployment.ts';
import {
  type createInstancesSchema,
  type InstanceList,
  instanceListSchema,
  instancesBuildSchema,
  instancesCreatedSchema,
} from '../model/instance.ts';
import { type GcReport, gcReportSchema, type GcRequestBody } from '../model/garbage.ts';
import { type EventResponse, eventSchema } from '../model/event-responses.ts';
import { parseJson } from '../model/json.ts';
import { type BatchLedger, batchLedgerSchema } from '../model/ledger-responses.ts';
import {
  type DeploymentResponse,
  type DeploymentStatusResponse,
  type DeploymentSummary,
  buildStartedSchema,
  deploymentListSchema,
  deploymentSchema,
  deploymentStatusSchema,
} from '../model/deployment-responses.ts';
import {
  type Accepted,
  type ArtifactList,
  type RolloutResponse,
  acceptedSchema,
  artifactListSchema,
  rolloutListSchema,
  rolloutSchema,
  traceSchema,
} from '../model/responses.ts';
import type { RolloutStatus, rolloutRequestSchema } from '../model/rollout.ts';
import { type Http, type HttpOptions, createHttp } from './http.ts';
import { listedObjects } from './listed-objects.ts';
import { parseEvents } from './events.ts';
import { uploadBody } from './upload-body.ts';

export type NewDeployment = z.input<typeof createDeploymentSchema>;
export type NewBuild = z.input<typeof buildDeploymentSchema>;
export type NewRollout = z.input<typeof rolloutRequestSchema>;
export type NewBatch = z.input<typeof batchRequestSchema>;
type BatchRetry = z.input<typeof retryBodySchema>;
export type NewInstances = z.input<typeof createInstancesSchema>;
export type BuildStarted = z.infer<typeof buildStartedSchema>;
export type InstancesCreated = z.infer<typeof instancesCreatedSchema>;
export type InstancesBuild = z.infer<typeof instancesBuildSchema>;
export type RolloutSummary = z.infer<typeof rolloutListSchema>['rollouts'][number];
export type TraceCall = z.infer<typeof traceSchema>['calls'][number];

export interface Page {
  readonly limit?: number | undefined;
  readonly offset?: number | undefined;
}

export interface LogRange {
  /** Bytes to pass over. */
  readonly offset?: number | undefined;
  /** Goes on until the log is closed. */
  readonly follow?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

const callSchema = traceSchema.shape.calls.element;
const root = '/api/harbor';

/**
 * A Harbor server. `key` is a deployment's id or name. Every method throws ApiError for what the server refuses and
 * UnreachableError where no answer came. What changes something may be asked for again: with the same `repeatKey` (an
 * Idempotency-Key, drawn by the caller) where a method takes one, by which the server knows the repeat.
 *
 *     const harbor = new HarborClient({ url: 'http://127.0.0.1:8000', apiKey });
 *     await using context = await packContext('./my-project');
 *     const { id } = await harbor.upload({ name: 'my-project' }, context.file);
 */
export class HarborClient {
  readonly #http: Http;

  constructor(options: HttpOptions) {
    this.#http = createHttp(options);
  }

  /** Makes a deployment and starts its build. `context`: a tar.gz file, sent as it is read; null: the Dockerfile alone. */
  upload(deployment: NewDeployment, context: string | null, repeatKey?: string): Promise<DeploymentResponse> {
    return this.#http.json(`${root}/deployments`, deploymentSchema, {
      headers: keyed(repeatKey),
      body: { pieces: uploadBody(deployment, context) },
    });
  }

  /** Starts a build: of new content where there is some, else of what is stored; joins one that is under way. */
  build(key: string, build: NewBuild = {}, context: string | null = null, repeatKey?: string): Promise<BuildStarted> {
    return this.#http.json(`${deploymentPath(key)}/build`, buildStartedSchema, {
      headers: keyed(repeatKey),
      body: { pieces: uploadBody(build, context) },
    });
  }

  deployment(key: string): Promise<DeploymentResponse> {
    return this.#http.json(deploymentPath(key), deploymentSchema);
  }

  status(key: string): Promise<DeploymentStatusResponse> {
    return this.#http.json(`${deploymentPath(key)}/status`, deploymentStatusSchema);
  }

  async list(filter: Page & { readonly status?: string | undefined } = {}): Promise<readonly DeploymentSummary[]> {
    const { limit = 50, offset = 0, status } = filter;
    const query = { limit, offset, status };
    return (await this.#http.json(`${root}/deployments`, deploymentListSchema, { query })).deployments;
  }

  buildLog(key: string, buildId: string, { offset, follow, signal }: LogRange = {}): AsyncGenerator<Uint8Array> {
    const query = { offset, follow: follow ? 1 : undefined };
    return this.#http.bytes(`${deploymentPath(key)}/builds/${encodeURIComponent(buildId)}/logs`, { query, signal });
  }

  /** Notes seeds of a deployment as its instances; those that are noted already stay so. */
  createInstances(key: string, instances: NewInstances = {}): Promise<InstancesCreated> {
    return this.#http.json(`${deploymentPath(key)}/instances/batch`, instancesCreatedSchema, {
      body: { value: instances },
    });
  }

  /** Starts the build that a deployment's instances wait for, where one is needed; returns at once. */
  buildInstances(key: string): Promise<InstancesBuild> {
    return this.#http.json(`${deploymentPath(key)}/instances/build-all`, instancesBuildSchema, { body: { value: {} } });
  }

  /** Has the server remove what nobody needs, or tell what that is; returns when that is done. */
  gc(request: GcRequestBody): Promise<GcReport> {
    return this.#http.json(`${root}/gc`, gcReportSchema, { body: { value: request } });
  }

  instances(key: string, filter: Page & { readonly status?: string | undefined } = {}): Promise<InstanceList> {
    return this.#http.json(`${deploymentPath(key)}/instances`, instanceListSchema, { query: { ...filter } });
  }

  /**
   * Starts a rollout and returns at once; `rollout` tells how it goes. With a `rollout_id` of the caller's own a repeat
   * finds the first one's rollout instead of starting a second.
   */
  startRollout(key: string, rollout: NewRollout & { readonly rollout_id: string }): Promise<Accepted> {
    return this.#http.json(`${deploymentPath(key)}/rollout`, acceptedSchema, {
      headers: { prefer: 'respond-async' },
      body: { value: rollout },
    });
  }

  rollout(id: string): Promise<RolloutResponse> {
    return this.#http.json(rolloutPath(id), rolloutSchema);
  }

  /** Newest first. */
  async rollouts(
    filter: Page & {
      readonly deployment?: string | undefined;
      readonly status?: RolloutStatus | undefined;
      /** Only those that share this mark. */
      readonly comparison?: string | undefined;
    } = {},
  ): Promise<readonly RolloutSummary[]> {
    const { comparison, ...others } = filter;
    const query = { ...others, comparison_id: comparison };
    return (await this.#http.json(`${root}/rollouts`, rolloutListSchema, { query })).rollouts;
  }

  /** Starts a batch and returns at once; `batch` tells how it goes. */
  startBatch(key: string, batch: NewBatch, repeatKey?: string): Promise<BatchResponse> {
    return this.#http.json(`${deploymentPath(key)}/batches`, batchSchema, {
      headers: keyed(repeatKey),
      body: { value: batch },
    });
  }

  batch(id: string): Promise<BatchResponse> {
    return this.#http.json(batchPath(id), batchSchema);
  }

  /** Newest first. */
  async batches({ limit = 50, offset = 0 }: Page = {}): Promise<readonly BatchSummary[]> {
    return (await this.#http.json(`${root}/batches`, batchListSchema, { query: { limit, offset } })).batches;
  }

  /** What became of each cell, a line of JSON each, as it comes. */
  batchResults(id: string): AsyncGenerator<Uint8Array> {
    return this.#http.bytes(`${batchPath(id)}/results`, { query: { format: 'jsonl' } });
  }

  /**
   * What happens in a batch, from behind `after` on, as it happens, and its figures whenever they changed. The last is an `end`,
   * once the batch has ended; without one the connection was cut. `resumingEvents` goes on across that.
   */
  batchEvents(
    id: string,
    options: { readonly after?: number; readonly signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<BatchStreamEvent> {
    const { after = 0, signal } = options;
    const headers = { accept: 'text/event-stream' };
    const bytes = this.#http.bytes(`${batchPath(id)}/events`, { query: { after }, headers, signal });
    return parseEvents(bytes, batchEventSchema);
  }

  /** The books of a batch, with the entries of at most `limit` cells behind `after`; without a word the books alone. */
  batchLedger(id: string, { limit = 0, after }: { limit?: number; after?: number } = {}): Promise<BatchLedger> {
    return this.#http.json(`${batchPath(id)}/ledger`, batchLedgerSchema, { query: { limit, after } });
  }

  /** The books and every rollout, attempt and call, a line of JSON each, as it comes. */
  batchLedgerLines(id: string): AsyncGenerator<Uint8Array> {
    return this.#http.bytes(`${batchPath(id)}/ledger`, { query: { format: 'jsonl' } });
  }

  steerBatch(id: string, step: 'pause' | 'resume' | 'cancel'): Promise<BatchResponse> {
    return this.#http.json(`${batchPath(id)}/${step}`, batchSchema, { body: { value: {} } });
  }

  /** Changes how many of a batch's rollouts are open at once; those that are open go on. */
  setBatchConcurrency(id: string, concurrency: number): Promise<BatchResponse> {
    return this.#http.json(`${batchPath(id)}/concurrency`, batchSchema, { body: { value: { concurrency } } });
  }

  /** Runs the cells again that have no reward; all of them, or those of some failure classes or seeds. */
  retryBatch(id: string, selection: BatchRetry = {}, repeatKey?: string): Promise<BatchResponse> {
    return this.#http.json(`${batchPath(id)}/retry`, batchSchema, {
      headers: keyed(repeatKey),
      body: { value: selection },
    });
  }

  /** Output of the agent or of the tests; of the last attempt unless one is named. */
  rolloutLog(
    id: string,
    log: LogRange & { readonly stream?: 'agent' | 'tests' | undefined; readonly attempt?: number | undefined } = {},
  ): AsyncGenerator<Uint8Array> {
    const { stream, attempt, offset, follow, signal } = log;
    const query = { stream, attempt, offset, follow: follow ? 1 : undefined };
    return this.#http.bytes(`${rolloutPath(id)}/logs`, { query, signal });
  }

  /** What happens in a rollout, from behind `after` on, as it happens; ends when the rollout is closed and all is told. */
  events(
    id: string,
    options: { readonly after?: number; readonly signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<EventResponse> {
    const { after = 0, signal } = options;
    const headers = { accept: 'text/event-stream' };
    const bytes = this.#http.bytes(`${rolloutPath(id)}/events`, { query: { after }, headers, signal });
    return parseEvents(bytes, eventSchema);
  }

  /** Every recorded LLM call in order, one at a time: a trace may be larger than memory. */
  async *trace(id: string): AsyncGenerator<TraceCall> {
    for await (const text of listedObjects(this.rawTrace(id))) yield parseJson(text, callSchema, 'trace');
  }

  /** The trace's JSON document as it comes. */
  rawTrace(id: string): AsyncGenerator<Uint8Array> {
    return this.#http.bytes(`${rolloutPath(id)}/trace`);
  }

  /** What a rollout did as a trajectory in the format ATIF 1.8; its JSON document as it comes. */
  trajectory(id: string): AsyncGenerator<Uint8Array> {
    return this.#http.bytes(`${rolloutPath(id)}/trajectory`);
  }

  async artifacts(id: string): Promise<ArtifactList['artifacts']> {
    return (await this.#http.json(`${rolloutPath(id)}/artifacts`, artifactListSchema)).artifacts;
  }

  artifact(id: string, attempt: number, name: string): AsyncGenerator<Uint8Array> {
    const path = name.split('/').map(encodeURIComponent).join('/');
    return this.#http.bytes(`${rolloutPath(id)}/artifacts/${attempt}/${path}`);
  }

  /** Ends a rollout; what it has done so far is kept. Of one that has ended it changes nothing. */
  async cancel(id: string): Promise<void> {
    await this.#http.json(`${rolloutPath(id)}/cancel`, z.unknown(), { body: { value: {} } });
  }
}

function keyed(repeatKey: string | undefined): Readonly<Record<string, string>> {
  return repeatKey === undefined ? {} : { 'idempotency-key': repeatKey };
}

function deploymentPath(key: string): string {
  return `${root}/deployments/${encodeURIComponent(key)}`;
}

function batchPath(id: string): string {
  return `${root}/batches/${encodeURIComponent(id)}`;
}

function rolloutPath(id: string): string {
  return `${root}/rollouts/${encodeURIComponent(id)}`;
}
