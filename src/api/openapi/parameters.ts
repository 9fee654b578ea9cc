import type { z } from 'zod';
import type { JsonObject } from '../../model/json.ts';
import { limits } from '../../model/limits.ts';
import { idempotencyHeader, idempotencyKeyPattern } from '../idempotency.ts';
import { isObject, jsonSchemaOf } from './json-schema.ts';
import type { HeaderParameter } from './operation.ts';

/** The parts of paths, by the names that the routes give them. */
const pathParts: Readonly<Record<string, { readonly description: string; readonly example: string }>> = {
  key: { description: 'Id or name of a deployment.', example: 'fix-the-bugs' },
  build: { description: 'Id of a build.', example: '5b1c9a0e-7c1e-4f0b-9a56-0d5f6d1f8c11' },
  id: { description: 'Id of a rollout.', example: 'my-rollout-1' },
  batch: { description: 'Id of a batch.', example: '01JDN7Z3M8YB2Q4KX6T9V5R1WC' },
  call: { description: 'Id of an LLM call, from the trace.', example: '01JDN7Z3M8YB2Q4KX6T9V5R1WC' },
  side: { description: '`request` or `response`.', example: 'request' },
  attempt: { description: 'Number of an attempt, from 1.', example: '1' },
  name: { description: 'Name of an artifact, as the list gives it. It may hold slashes.', example: 'workdir.diff' },
};

/** `/rollouts/:id` and `/artifacts/*name` as OpenAPI writes them. */
export function templateOf(path: string): string {
  return path.replaceAll(/[:*](\w+)/g, '{$1}');
}

export function pathParameters(path: string): JsonObject[] {
  return [...path.matchAll(/[:*](\w+)/g)].map(([, name = '']) => {
    const part = pathParts[name];
    if (!part) throw new Error(`the part ${name} of ${path} is not described`);
    return { name, in: 'path', required: true, schema: { type: 'string', minLength: 1 }, ...part };
  });
}

export function queryParameters(query: z.ZodObject): JsonObject[] {
  const { properties = {} } = jsonSchemaOf(query, 'input');
  return Object.entries(isObject(properties) ? properties : {}).map(([name, property]) => {
    const { description, ...schema } = isObject(property) ? property : {};
    return { name, in: 'query', required: false, ...(description === undefined ? {} : { description }), schema };
  });
}

/** What every POST takes. */
export const idempotencyKey: HeaderParameter = {
  name: idempotencyHeader,
  description: `Makes the request safe to repeat for ${limits.idempotencyKeyHours} hours: what it makes is made once for this key, whatever became of the caller or the server. The same key with another request is 409.`,
  example: '8e03978e-40d5-43e8-bc93-6894a57f9324',
  schema: { type: 'string', maxLength: limits.idempotencyKeyLength, pattern: idempotencyKeyPattern.source },
};

export function headerParameters(headers: readonly HeaderParameter[]): JsonObject[] {
  return headers.map((header) => ({ schema: { type: 'string' }, ...header, in: 'header', required: false }));
}
