import type { z } from 'zod';
import type { Json, JsonObject } from '../../model/json.ts';
import { components, reference } from './components.ts';
import { isObject, jsonSchemaOf } from './json-schema.ts';
import type { Answer, Operation, RequestBody } from './operation.ts';
import { tags } from './operation.ts';
import { operations } from './operations/index.ts';
import { headerParameters, idempotencyKey, pathParameters, queryParameters, templateOf } from './parameters.ts';

const introduction = `Harbor runs coding agents in sandboxes made from your Dockerfile, and scores what they did.

Send your key as \`Authorization: Bearer …\` or \`x-api-key\`; \`harbor up\` prints the file that holds it.

Every refusal has the one form \`Problem\`. 429 and 503 may be sent again after \`Retry-After\` seconds: nothing was started.
Every POST takes an \`Idempotency-Key\`, with which it may be sent again whatever the answer was, or if there was none.

Unknown fields of a request are ignored, and answers may get new fields. Times are UTC, in ISO 8601.`;

/** The description of the API: OpenAPI 3.1, made of the schemas that requests are checked with and answers are built by. */
export function openApiDocument(): JsonObject {
  const paths: { [path: string]: JsonObject } = {};
  for (const operation of operations) {
    const path = templateOf(operation.path);
    paths[path] = { ...paths[path], [operation.method]: describe(operation) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Harbor', version: '1', description: introduction },
    security: [{ bearer: [] }, { apiKey: [] }],
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key' },
      },
      schemas: components(),
    },
  };
}

function describe({
  id,
  method,
  path,
  tag,
  summary,
  description,
  query,
  headers,
  body,
  answers,
}: Operation): JsonObject {
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description !== undefined && { description }),
    ...(tag === 'service' && { security: [] }),
    parameters: [
      ...pathParameters(path),
      ...(query ? queryParameters(query) : []),
      ...headerParameters([...(headers ?? []), ...(method === 'post' ? [idempotencyKey] : [])]),
    ],
    ...(body && { requestBody: describeBody(body) }),
    responses: Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, describeAnswer(answer)])),
  };
}

function describeBody({ schema, required, examples }: RequestBody): JsonObject {
  const named = Object.entries(examples).map(([summary, value], index): [string, Json] => [
    `example${index + 1}`,
    { summary, value },
  ]);
  return {
    required,
    content: { 'application/json': { schema: reference(schema), examples: Object.fromEntries(named) } },
  };
}

function describeAnswer({ description, content = {}, headers = {}, links = {} }: Answer): JsonObject {
  return withoutEmpty({
    description,
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, text]) => [
        name,
        { description: text, required: true, schema: { type: 'string' } },
      ]),
    ),
    content: Object.fromEntries(Object.entries(content).map(([type, schema]) => [type, describeContent(type, schema)])),
    links: Object.fromEntries(
      Object.entries(links).map(([operationId, parameters]) => [operationId, { operationId, parameters }]),
    ),
  });
}

/** A description says nothing of what there is not. */
function withoutEmpty(described: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(described).filter(([, part]) => !isObject(part) || Object.keys(part).length > 0),
  );
}

function describeContent(type: string, schema: z.ZodType | null): JsonObject {
  if (schema === null) return {};
  if (type === 'application/json') return { schema: reference(schema) };
  return { schema: type === 'text/event-stream' ? serverSentEvent(schema) : jsonSchemaOf(schema, 'output') };
}

/** One of the stream: before OpenAPI 3.2 there is no other way to say what a stream is made of. */
function serverSentEvent(data: z.ZodType): JsonObject {
  const json = { type: 'string', contentMediaType: 'application/json', contentSchema: reference(data) };
  const id = { type: 'string', description: 'From where to go on behind it; what is not kept has none.' };
  return { type: 'object', required: ['event', 'data'], properties: { id, event: { type: 'string' }, data: json } };
}
