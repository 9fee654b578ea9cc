import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readRoleInstallation } from '../../src/roles/role.ts';
import { HarborClient } from '../../src/sdk/client.ts';
import { packContext } from '../../src/sdk/pack-context.ts';
import { asksOnce } from '../support/asks-once.ts';
import { bringUp, type Composed } from '../support/composed.ts';
import { docker, everythingOf, removeEverything } from '../support/engine.ts';
import { eventually, withFolder } from '../support/project.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const name = `harbor-image-test-${randomBytes(4).toString('hex')}`;
/** Each stage under a name, so that it can be removed: a builder without BuildKit leaves them all. */
const images = [`${name}:files`, name] as const;

let composed: Composed | undefined;
/** Id of the installation, once it has a secret. Nothing has the label of none. */
let installation = 'none';

beforeAll(async () => {
  await promisify(execFile)(process.execPath, [join(root, 'scripts', 'image.mjs')]);
  const build = ['build', '--quiet', '--force-rm', '--tag'];
  await docker(...build, images[0], '--target', 'files', root);
  await docker(...build, images[1], root);
}, 400_000);

afterAll(async () => {
  await composed?.remove();
  await removeEverything(installation);
  await docker('rmi', '--force', ...images);
}, 120_000);

test('the image is Harbor with its Node, without root', async () => {
  expect(await docker('run', '--rm', name, '--version')).toMatch(/^\d+\.\d+\.\d+$/);
  const look = 'id -u; node --version; ls -d /harbor/node_modules/vitest 2>&1 || true';
  const looked = await docker('run', '--rm', '--entrypoint', 'sh', name, '-c', look);
  expect(looked).toMatch(/^10001\nv24\..*\nls: cannot access/);
});

test('docker-compose.yml comes up with it, healthy, and carries a rollout', { timeout: 300_000 }, async () => {
  composed = await bringUp(name, name);
  const { compose, apiUrl } = composed;
  installation = readRoleInstallation({
    HARBOR_SECRET: await compose('exec', '-T', 'interceptor', 'cat', '/secrets/harbor-secret'),
  }).id;
  const state = async (service: string, part: string) =>
    docker('inspect', '--format', `{{.State.${part}}}`, await compose('ps', '--quiet', service));
  for (const service of ['postgres', 'temporal', 'api', 'worker', 'interceptor']) {
    await eventually(
      `${service} to be healthy`,
      async () => (await state(service, 'Health.Status')) === 'healthy',
      120,
    );
  }
  // As docs/operations.md says it.
  const client = new HarborClient({
    url: apiUrl,
    apiKey: await compose('exec', '-T', 'api', 'cat', '/secrets/api-key'),
  });
  await withFolder(asksOnce.files, async (folder) => {
    await using context = await packContext(folder);
    await client.upload(asksOnce.deployment, context.file);
  });
  await eventually('the snapshot', async () => (await client.status('asks-once')).status === 'ready', 120);
  await client.startRollout('asks-once', { rollout_id: 'composed', env: { seed: 1 } });
  const rollout = await eventually(
    'the rollout to end',
    async () => {
      const found = await client.rollout('composed');
      return found.closed_at !== null && found;
    },
    120,
  );
  expect(rollout).toMatchObject({
    status: 'completed',
    failure: null,
    reward_info: { outcome_reward: 1 },
    usage: { llm_calls: 1 },
  });
  const roles = await Promise.all(['api', 'worker', 'interceptor'].map((role) => compose('ps', '--quiet', role)));
  await compose('stop', 'api', 'worker', 'interceptor');
  const codes = roles.map((id) => docker('inspect', '--format', '{{.State.ExitCode}}', id));
  expect(await Promise.all(codes)).toEqual(['0', '0', '0']);
});

test('nothing of all that is left', async () => {
  await composed?.remove();
  composed = undefined;
  await removeEverything(installation);
  expect(await everythingOf(installation)).toEqual([]);
  const ofProject = ['--quiet', '--filter', `label=com.docker.compose.project=${name}`];
  for (const list of [
    ['ps', '--all'],
    ['volume', 'ls'],
    ['network', 'ls'],
  ]) {
    expect(await docker(...list, ...ofProject)).toBe('');
  }
  const layers = await Promise.all(images.map((image) => docker('inspect', '--format', '{{.Id}}', image)));
  await docker('rmi', ...images);
  for (const layer of layers) await expect(docker('inspect', layer)).rejects.toThrow('No such object');
});
