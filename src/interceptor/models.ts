import type { IncomingHttpHeaders } from 'node:http';
import type { Grant } from '../model/grant.ts';
import type { JsonObject } from '../model/json.ts';
import { anthropicMessages } from './dialects/anthropic-messages.ts';
import type { DialectSpec } from './dialects/dialect.ts';
import { openaiResponses } from './dialects/openai-responses.ts';

/** What a client asks about the models: all of them (`id` is null), or one. */
export interface ModelsQuestion {
  /** As it stands in the path; names of models may hold slashes. */
  readonly id: string | null;
  /** Below the provider's own address of the list. */
  readonly rest: string;
}

/** What a path asks; whatever comes before `/models` is the client's own matter. */
export function modelsQuestion(path: string): ModelsQuestion | undefined {
  const [, rest] = /\/models(\/.+)?$/.exec(path) ?? [];
  if (rest === undefined) return path.endsWith('/models') ? { id: null, rest: '' } : undefined;
  try {
    return { id: decodeURIComponent(rest.slice(1)), rest };
  } catch {
    // Broken percent signs: a name that no model has.
    return { id: rest.slice(1), rest };
  }
}

/** Both providers have their list at the same path; clients of Anthropic's API are told by their headers. */
export function modelsDialect(headers: IncomingHttpHeaders): DialectSpec {
  const speaksAnthropic = headers['anthropic-version'] !== undefined;
  const hasBearer = /^Bearer /i.test(headers.authorization ?? '');
  return speaksAnthropic || (headers['x-api-key'] !== undefined && !hasBearer) ? anthropicMessages : openaiResponses;
}

export const modelsPath: Readonly<Record<DialectSpec['provider'], string>> = {
  openai: '/models',
  anthropic: '/v1/models',
};

/**
 * The interceptor's own answer: the models that the attempt may ask for. Undefined: it may not ask for that one. An attempt
 * that may ask for any gets an empty list and every single model.
 */
export function ownModels({ models }: Grant, { provider }: DialectSpec, id: string | null): JsonObject | undefined {
  const describe = provider === 'anthropic' ? anthropicModel : openaiModel;
  if (id !== null) return models.length === 0 || models.includes(id) ? describe(id) : undefined;
  const data = models.map(describe);
  if (provider === 'openai') return { object: 'list', data };
  return { data, has_more: false, first_id: models[0] ?? null, last_id: models.at(-1) ?? null };
}

/** https://platform.openai.com/docs/api-reference/models/object */
function openaiModel(id: string): JsonObject {
  return { id, object: 'model', created: 0, owned_by: 'harbor' };
}

/** https://docs.anthropic.com/en/api/models-list. The time stands for one that is not known. */
function anthropicModel(id: string): JsonObject {
  return { type: 'model', id, display_name: id, created_at: '1970-01-01T00:00:00Z' };
}
