import { z } from 'zod';
import { HarborError } from './errors.ts';

/** Any JSON value. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };
export const jsonSchema = z.json();
export const jsonObjectSchema: z.ZodType<JsonObject> = z.record(z.string(), jsonSchema);

/** The one place that calls JSON.parse: text in, checked value out. Throws `invalid_request`. */
export function parseJson<T>(text: string, schema: z.ZodType<T>, what = 'body'): T {
  return check(parseUnchecked(text, what), schema, what);
}

/** Another text of the same JSON value: one for all of its texts, whatever their blanks and the order of their keys. */
export function canonicalJson(text: string): string {
  return JSON.stringify(JSON.parse(text), (_, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1)))
      : value,
  );
}

/** Levels of nesting that a body may have: what walks it by recursion must not run out of stack. */
const deepest = 100;

/**
 * As {@link parseJson}, for what comes from outside and goes into the store: refuses what a database's text cannot hold
 * (a NUL, half of a surrogate pair) and what is nested without measure.
 */
export function parseBody<T>(text: string, schema: z.ZodType<T>): T {
  const value = parseUnchecked(text, 'body');
  refuseUnstorable(value);
  return check(value, schema);
}

function refuseUnstorable(body: unknown): void {
  const pending: { readonly value: unknown; readonly path: readonly string[] }[] = [{ value: body, path: [] }];
  for (let next = pending.pop(); next; next = pending.pop()) {
    const { value, path } = next;
    const field = path.join('.') || 'body';
    if (path.length > deepest) {
      throw new HarborError('invalid_request', `${path[0]}: is nested more than ${deepest} levels deep`, {
        field: path[0],
      });
    }
    if (typeof value === 'string' && !isStorable(value)) {
      throw new HarborError('invalid_request', `${field}: holds a NUL or half a surrogate pair`, { field });
    }
    if (typeof value !== 'object' || value === null) continue;
    for (const [key, child] of Object.entries(value)) {
      if (!isStorable(key)) {
        throw new HarborError('invalid_request', `${field}: has a key with a NUL or half a surrogate pair`, { field });
      }
      pending.push({ value: child, path: [...path, key] });
    }
  }
}

function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

/** As {@link parseJson}; undefined where the text is not JSON or not of that shape. */
export function tryParseJson<T>(text: string, schema: z.ZodType<T>): T | undefined {
  try {
    const parsed = schema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

/** Holds a value of unknown origin against its schema. Throws `invalid_request` that names the first field at fault. */
export function check<T>(value: unknown, schema: z.ZodType<T>, what = 'body'): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = issue && issue.path.length > 0 ? issue.path.map(String).join('.') : what;
  throw new HarborError('invalid_request', `${field}: ${issue?.message ?? 'does not fit'}`, {
    field,
    cause: parsed.error,
  });
}

/** A value that came from JSON, as plain JSON again. */
export function toJsonObject(value: object): JsonObject {
  return parseJson(JSON.stringify(value), jsonObjectSchema);
}

function parseUnchecked(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new HarborError('invalid_request', `${what}: is not valid JSON`, { field: what, cause: error });
  }
}
