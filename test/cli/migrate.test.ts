import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrations } from '../../src/store/database.ts';
import { createDatabase, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { harborProgram } from '../support/server.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.remove());

function migrate(variables: Readonly<Record<string, string>>, ...flags: readonly string[]) {
  const env = { PATH: process.env['PATH'] ?? '', ...variables };
  return new Promise<{ code: unknown; out: string; err: string }>((resolve) => {
    execFile(harborProgram, ['migrate', ...flags], { env }, (error, out, err) =>
      resolve({ code: error ? error.code : 0, out, err }),
    );
  });
}

test('says what is missing, brings it, and then finds nothing to do', async () => {
  const all = Object.keys(migrations);
  const file = join(postgres.folder, 'address');
  await writeFile(file, `${await createDatabase(postgres.folder)}\n`);
  const variables = { DATABASE_URL_FILE: file };
  expect(await migrate(variables, '--check')).toMatchObject({ code: 1, out: `${JSON.stringify({ pending: all })}\n` });
  expect(await migrate(variables)).toMatchObject({ code: 0, out: `${JSON.stringify({ applied: all })}\n` });
  expect(await migrate(variables, '--check')).toMatchObject({ code: 0, out: '{"pending":[]}\n' });
});

test('refuses an address that is none, without showing it', async () => {
  const { code, err } = await migrate({ DATABASE_URL: 'mysql://me:the-password@host/db' });
  expect(code).toBe(1);
  expect(err).toContain('DATABASE_URL: must begin with postgresql://');
  expect(err).not.toContain('the-password');
  expect(await migrate({})).toMatchObject({ code: 1, err: expect.stringContaining('DATABASE_URL: is not set') });
});
