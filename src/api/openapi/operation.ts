import type { z } from 'zod';
import type { JsonObject } from '../../model/json.ts';

/** What operations are grouped by, in the order in which a reader needs them. */
export const tags = {
  deployments: 'Named environments: a Dockerfile with its build context, limits and tasks. By id or by name.',
  builds: 'Attempts to make a snapshot of a deployment, with their logs.',
  instances: 'Seeds of a deployment that somebody means to run, and how ready they are.',
  rollouts: 'One agent, one seed, one model, one result.',
  batches: 'Many rollouts of one deployment: seeds × samples × policies, with a concurrency and a budget.',
  evidence: 'What a rollout leaves: events, logs, every LLM call, files.',
  upkeep: 'What the server keeps on its disk and what it removes.',
  service: 'The server itself. Needs no key.',
} as const;

/** One route as the API's description has it. The tests hold all of them against what is really served. */
export interface Operation {
  /** What generated clients call it. */
  readonly id: string;
  readonly method: 'get' | 'post';
  /** As express has it, from the root: `/api/harbor/deployments/:key`. */
  readonly path: string;
  readonly tag: keyof typeof tags;
  readonly summary: string;
  readonly description?: string;
  /** The schema that the route itself reads its query with. */
  readonly query?: z.ZodObject;
  readonly headers?: readonly HeaderParameter[];
  readonly body?: RequestBody;
  readonly answers: Answers;
}

export interface HeaderParameter {
  readonly name: string;
  readonly description: string;
  readonly example: string;
  /** Default: any text. */
  readonly schema?: JsonObject;
}

export interface RequestBody {
  /** As it comes, defaults not filled in. */
  readonly schema: z.ZodType;
  /** Whether an empty body will not do. */
  readonly required: boolean;
  /** By a word that says what it is for. */
  readonly examples: Readonly<Record<string, JsonObject>>;
}

/** By status. A status that is not among them is never answered. */
export type Answers = Readonly<Record<number, Answer>>;

export interface Answer {
  readonly description: string;
  /** By media type; null: bytes of whatever kind; of a stream of events the schema of each one's data. */
  readonly content?: Readonly<Record<string, z.ZodType | null>>;
  /** Headers that are always there, and what they say. */
  readonly headers?: Readonly<Record<string, string>>;
  /** By operation: where its path parameters are found in this answer. */
  readonly links?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}
