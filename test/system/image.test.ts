import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { HarborClient } from '../../src/sdk/client.ts';
import { freePort } from '../embedded/support/temporary.ts';
import { createDatabase, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { eventually } from '../support/project.ts';
import { startTemporal, type TestTemporal } from '../support/temporal.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);
const name = `harbor-image-test-${randomBytes(4).toString('hex')}`;
const apiKey = `harbor_${randomBytes(12).toString('hex')}`;

async function docker(...args: string[]): Promise<string> {
  return (await run('docker', args, { cwd: root, maxBuffer: 64 * 1024 * 1024 })).stdout.trim();
}

let postgres: TestPostgres;
let temporal: TestTemporal;
/** Of a container that stands on these, in the machine's own network. */
let surroundings: readonly string[];

beforeAll(async () => {
  await run(process.execPath, [join(root, 'scripts', 'image.mjs')]);
  const made = docker('build', '--quiet', '--tag', name, '.');
  [postgres, temporal] = await Promise.all([startPostgres(), startTemporal()]);
  const secrets = { DATABASE_URL: await createDatabase(postgres.folder), HARBOR_API_KEY: apiKey };
  const files = Object.entries(secrets).map(([variable, value]) => ({
    variable,
    value,
    file: join(postgres.folder, variable),
  }));
  for (const { file, value } of files) await writeFile(file, value);
  surroundings = [
    ['--network', 'host'],
    ['--volume', `${postgres.folder}:${postgres.folder}`],
    ...files.map(({ variable, file }) => ['--env', `${variable}_FILE=${file}`]),
  ].flat();
  await made;
}, 400_000);

afterAll(async () => {
  await docker('rmi', '--force', name);
  await temporal.stop();
  await postgres.remove();
}, 120_000);

test('the image is Harbor with its Node, without root', async () => {
  expect(await docker('run', '--rm', name, '--version')).toMatch(/^\d+\.\d+\.\d+$/);
  const looked = await docker(
    'run',
    '--rm',
    '--entrypoint',
    'sh',
    name,
    '-c',
    'id -u; node --version; ls -d /harbor/node_modules/vitest 2>&1',
  );
  expect(looked).toMatch(/^10001\nv24\..*\nls: cannot access/);
});

test('migrates a real Postgres, serves on it, is healthy, and ends in good order', { timeout: 120_000 }, async () => {
  expect(await docker('run', '--rm', ...surroundings, name, 'migrate')).toContain('0001-first');
  const port = await freePort();
  const settings = {
    HARBOR_PORT: port,
    HARBOR_HOST: '127.0.0.1',
    HARBOR_HEALTH_PORT: await freePort(),
    TEMPORAL_ADDRESS: temporal.address,
  };
  const given = Object.entries(settings).flatMap(([variable, value]) => ['--env', `${variable}=${value}`]);
  await docker('run', '--detach', '--name', name, ...surroundings, ...given, name, 'api');
  onTestFinished(() => docker('rm', '--force', '--volumes', name).then(() => undefined));
  const state = (part: string) => docker('inspect', '--format', `{{.State.${part}}}`, name);
  await eventually('it to be healthy', async () => (await state('Health.Status')) === 'healthy');
  const client = new HarborClient({ url: `http://127.0.0.1:${port}`, apiKey });
  expect(await client.rollouts({})).toEqual([]);
  await docker('stop', '--time', '30', name);
  expect(await state('ExitCode')).toBe('0');
});
