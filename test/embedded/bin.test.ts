import { spawnSync } from 'node:child_process';
import { chmod, cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { temporaryFolder } from './support/temporary.ts';

const bin = fileURLToPath(new URL('../../bin', import.meta.url));

/** A checkout in which `dist/main.js` says who runs it and how. */
async function checkout(): Promise<string> {
  const root = join(await temporaryFolder(), 'a checkout');
  await cp(bin, join(root, 'bin'), { recursive: true });
  await mkdir(join(root, 'dist'));
  const script = `console.log(JSON.stringify([process.ppid, process.env.HARBOR_CLI_NAME ?? 'harbor', ...process.argv.slice(2)]))`;
  await writeFile(join(root, 'dist', 'main.js'), script);
  return root;
}

function run(command: string, args: readonly string[], path = `${dirname(process.execPath)}:/usr/bin:/bin`) {
  const { status, stdout, stderr } = spawnSync(command, args, { env: { PATH: path }, encoding: 'utf8' });
  return { status, stdout: stdout.trim(), stderr: stderr.trim() };
}

test('it becomes Node, with no process between', async () => {
  const root = await checkout();
  expect(run(join(root, 'bin', 'harbor'), ['up', 'two words']).stdout).toBe(
    JSON.stringify([process.pid, 'harbor', 'up', 'two words']),
  );
});

test('it is found through links of links, absolute and relative', async () => {
  const root = await checkout();
  await symlink(join(root, 'bin', 'harbor'), join(root, 'absolute'));
  await mkdir(join(root, 'links'));
  await symlink('../absolute', join(root, 'links', 'harbor'));
  expect(run(join(root, 'links', 'harbor'), ['up']).stdout).toBe(JSON.stringify([process.pid, 'harbor', 'up']));
});

test('it is found on PATH', async () => {
  const root = await checkout();
  const path = `${join(root, 'bin')}:${dirname(process.execPath)}:/usr/bin:/bin`;
  expect(run('/bin/sh', ['-c', 'exec harbor up'], path).status).toBe(0);
});

test('synth is the same program under its own name', async () => {
  const root = await checkout();
  await symlink(join(root, 'bin', 'synth'), join(root, 'synth'));
  expect(run(join(root, 'synth'), ['harbor']).stdout).toBe(JSON.stringify([process.pid, 'synth', 'harbor']));
});

test('the Node that npm installed beside it is used before the one on PATH', async () => {
  const root = await checkout();
  const own = join(root, 'node_modules', '.bin', 'node');
  await mkdir(dirname(own), { recursive: true });
  await writeFile(own, '#!/bin/sh\necho own node\n');
  await chmod(own, 0o755);
  expect(run(join(root, 'bin', 'harbor'), []).stdout).toBe('own node');
});

test('an old Node is refused with what to run', async () => {
  const root = await checkout();
  const old = await temporaryFolder();
  await writeFile(join(old, 'node'), '#!/bin/sh\necho v20.20.2\n');
  await chmod(join(old, 'node'), 0o755);
  expect(run(join(root, 'bin', 'harbor'), [], `${old}:/usr/bin:/bin`)).toMatchObject({
    status: 1,
    stderr: `harbor: needs Node 24, and PATH has v20.20.2: run \`npm run setup\` in ${root} to get it.`,
  });
});

test('without a build it says what to run', async () => {
  const root = await temporaryFolder();
  await cp(bin, join(root, 'bin'), { recursive: true });
  expect(run(join(root, 'bin', 'harbor'), [])).toMatchObject({
    status: 1,
    stderr: `harbor: is not built: run \`npm run setup\` in ${root}.`,
  });
});
