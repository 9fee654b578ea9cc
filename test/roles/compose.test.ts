import { readFile } from 'node:fs/promises';
import { beforeAll, expect, test } from 'vitest';
import { readCompose } from '../support/compose.ts';

let services: Awaited<ReturnType<typeof readCompose>>;

beforeAll(async () => {
  services = await readCompose();
});

test('has every part, each after what it needs', () => {
  expect(Object.keys(services).toSorted()).toEqual(
    ['secrets', 'postgres', 'temporal', 'temporal-ui', 'migrate', 'api', 'worker', 'interceptor'].toSorted(),
  );
  const migrated = { migrate: { condition: 'service_completed_successfully' } };
  const both = { ...migrated, temporal: { condition: 'service_healthy' } };
  expect(services['postgres']?.depends_on).toEqual({ secrets: { condition: 'service_completed_successfully' } });
  expect(services['migrate']?.depends_on).toEqual({ postgres: { condition: 'service_healthy' } });
  expect(services['api']?.depends_on).toEqual(both);
  expect(services['worker']?.depends_on).toEqual(both);
  expect(services['interceptor']?.depends_on).toEqual(migrated);
});

test('gives the Docker socket to the worker alone, LLM keys to the interceptor alone, and nothing to the network', () => {
  const holders = (part: string) =>
    Object.entries(services).flatMap(([name, { volumes }]) =>
      volumes.some((one) => one.includes(part)) ? [name] : [],
    );
  expect(holders('docker.sock')).toEqual(['worker']);
  expect(holders('llm-keys')).toEqual(['interceptor']);
  for (const { ports } of Object.values(services)) for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
});

test('holds no secret, only files of them', () => {
  const variables = Object.values(services).flatMap(({ environment }) => Object.keys(environment));
  const secrets = variables.filter((name) => /SECRET|PASSWORD|PWD|_KEY|DATABASE_URL/.test(name));
  expect(secrets.length).toBeGreaterThan(0);
  expect(secrets.filter((name) => !name.endsWith('_FILE'))).toEqual([]);
});

test('sets nothing that docs/operations.md does not name', async () => {
  const docs = await readFile(new URL('../../docs/operations.md', import.meta.url), 'utf8');
  for (const role of ['migrate', 'api', 'worker', 'interceptor']) {
    expect(services[role]?.command).toEqual([role]);
    for (const name of Object.keys(services[role]?.environment ?? {})) expect(docs).toContain(`\`${name}\``);
  }
});
