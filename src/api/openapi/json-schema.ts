import { z } from 'zod';
import { type Json, type JsonObject, toJsonObject } from '../../model/json.ts';

/** Schemas that the description gives a name of their own. */
export type NamedSchemas = Readonly<Record<string, z.ZodType>>;

type Side = 'input' | 'output';
type Override = NonNullable<Parameters<typeof z.toJSONSchema>[1]>['override'];

/** Where the description keeps the schema of a name. */
export const refTo = (name: string): string => `#/components/schemas/${name}`;

/** One schema without a name. `input`: as it is sent, defaults not filled in; `output`: as it is answered. */
export function jsonSchemaOf(schema: z.ZodType, side: Side): JsonObject {
  return bare(toJsonObject(z.toJSONSchema(schema, { io: side, override: readable })));
}

/** All of them, each by its name; where one holds another it refers to it. */
export function componentsOf(named: NamedSchemas, side: Side): JsonObject {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(named)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, { io: side, override: readable, uri: refTo });
  return Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, bare(toJsonObject(schema))]));
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Takes out what the zod of it makes necessary and no reader needs. */
const readable: Override = ({ jsonSchema }) => {
  // The format says it.
  if (jsonSchema.format === 'date-time') delete jsonSchema.pattern;
  // A number in a query is a text to zod, see wholeNumber.
  if (jsonSchema.type === 'integer') delete jsonSchema.pattern;
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  // Answers may get new fields; who generates a client shall not refuse them.
  if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
  const names = jsonSchema.propertyNames;
  if (typeof names === 'object' && Object.keys(names).length === 1 && names.type === 'string') {
    delete jsonSchema.propertyNames;
  }
};

function bare(schema: JsonObject): JsonObject {
  const { $schema: _dialect, $id: _id, ...rest } = schema;
  return rest;
}
