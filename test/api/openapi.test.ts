import type { Router } from 'express';
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { keyedRoot, keyedRouters, openRouters } from '../../src/api/app.ts';
import { operations } from '../../src/api/openapi/operations/index.ts';
import { type JsonObject, jsonObjectSchema, parseJson } from '../../src/model/json.ts';
import { useApi } from '../support/api.ts';
import { agentRegistry } from '../../src/agents/registry.ts';
import { pino } from 'pino';
import { roomFor } from '../support/rollout.ts';

const api = useApi();

/** What express has, as `get /path`. */
function served(root: string, routers: readonly Router[]): string[] {
  return routers
    .flatMap(({ stack }) => stack.map(({ route }) => route).filter((route) => route !== undefined))
    .flatMap(({ path, stack }) => stack.map(({ method }) => `${method} ${root}${path}`));
}

test('every route that is served is described, and the other way round', () => {
  const { store, temporal, uploadsFolder } = api();
  const logger = pino({ level: 'silent' });
  const deps = { store, agents: agentRegistry, client: temporal, capacity: roomFor(1), uploadsFolder, logger };
  const routes = [...served('', openRouters(deps)), ...served(keyedRoot, keyedRouters(deps))];
  expect(operations.map(({ method, path }) => `${method} ${path}`).toSorted()).toEqual(routes.toSorted());
});

describe('the description', () => {
  let document: JsonObject;
  beforeAll(async () => {
    document = parseJson((await api().ask('/openapi.json', { key: 'none is needed' })).text, jsonObjectSchema);
  });

  test('is OpenAPI 3.1', () => {
    expect(document).toMatchObject({ openapi: '3.1.0', info: { title: 'Harbor' } });
  });

  test('refers to nothing that it does not hold', () => {
    const { schemas } = z.object({ schemas: z.record(z.string(), z.json()) }).parse(document['components']);
    const references = JSON.stringify(document).match(/"\$ref":"[^"]*"/g) ?? [];
    expect(new Set(references)).not.toContain(expect.stringContaining('__shared'));
    for (const reference of references) {
      expect(reference).toMatch(/^"\$ref":"#\/components\/schemas\/\w+"$/);
      expect(schemas).toHaveProperty([/(\w+)"$/.exec(reference)?.[1] ?? '']);
    }
    expect(references.length).toBeGreaterThan(100);
  });

  test('has links to operations that there are, with parameters that they have', () => {
    for (const { answers } of operations) {
      for (const { links = {} } of Object.values(answers)) {
        for (const [id, parameters] of Object.entries(links)) {
          const target = operations.find((operation) => operation.id === id);
          for (const name of Object.keys(parameters)) expect(target?.path).toMatch(new RegExp(`[:*]${name}\\b`));
        }
      }
    }
  });

  test('names every operation once, and summarizes it', () => {
    expect(new Set(operations.map(({ id }) => id)).size).toBe(operations.length);
    expect(new Set(operations.map(({ summary }) => summary)).size).toBe(operations.length);
  });

  test('has examples that are requests', () => {
    for (const { body } of operations) {
      for (const example of Object.values(body?.examples ?? {})) {
        expect(body?.schema.safeParse(example)).toMatchObject({ success: true });
      }
    }
  });
});
