import { expect } from 'vitest';
import { z } from 'zod';
import type { Answer as DeclaredAnswer } from '../../src/api/openapi/operation.ts';
import { operationOf } from '../../src/api/openapi/routing.ts';
import { parseJson, tryParseJson } from '../../src/model/json.ts';
import { problemSchema } from '../../src/model/responses.ts';

export interface GivenAnswer {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly text: string;
}

/**
 * Holds an answer against what the API's description says of its route: the status is among the declared ones, and so is
 * the media type; a JSON body has all fields of its schema and none besides.
 */
export function expectDeclared(method: string, target: string, answer: GivenAnswer): void {
  const path = (target.split('?')[0] ?? '').replaceAll(/\/{2,}/g, '/');
  const operation = operationOf(method, path);
  if (!operation) return expectProblem(answer);
  const declared = operation.answers[answer.status];
  if (!declared) throw new Error(`${operation.id} answers ${answer.status}, which is not declared: ${answer.text}`);
  if (method !== 'HEAD') expectContent(operation.id, declared, answer);
}

function expectContent(id: string, { content }: DeclaredAnswer, { status, contentType, text }: GivenAnswer): void {
  const what = `${id}, ${status}, ${contentType}`;
  if (content === undefined) {
    expect({ what, text }).toEqual({ what, text: '' });
    return;
  }
  const type = contentType?.split(';')[0] ?? '';
  const schema = content[type] ?? content['*/*'];
  if (schema === undefined) throw new Error(`${what}: declared are ${Object.keys(content).join(', ')}`);
  for (const json of schema ? jsonIn(type, text) : []) {
    const given = parseJson(json, z.json());
    // What a schema does not know, it leaves out.
    expect({ what, body: schema?.parse(given) }).toEqual({ what, body: given });
  }
}

function jsonIn(type: string, text: string): readonly string[] {
  if (type === 'application/json') return [text];
  return type === 'text/event-stream' ? [...text.matchAll(/^data: (.*)$/gm)].map(([, data = '']) => data) : [];
}

function expectProblem({ status, text }: GivenAnswer): void {
  expect([400, 401, 404, 405]).toContain(status);
  if (text !== '') expect(tryParseJson(text, problemSchema.strict())).toBeDefined();
}
