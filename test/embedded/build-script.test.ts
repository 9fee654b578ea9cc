import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { temporaryFolder } from './support/temporary.ts';

const project = fileURLToPath(new URL('../..', import.meta.url));

/** A checkout with the project's scripts and settings and one source file. */
async function checkout(source: string): Promise<string> {
  const root = await temporaryFolder();
  for (const name of ['scripts', 'package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json']) {
    await cp(join(project, name), join(root, name), { recursive: true });
  }
  await symlink(join(project, 'node_modules'), join(root, 'node_modules'));
  await mkdir(join(root, 'src'));
  await writeFile(join(root, 'src', 'main.ts'), source);
  return root;
}

async function build(root: string): Promise<number> {
  const [code] = await once(
    spawn(process.execPath, [join(root, 'scripts', 'build.mjs')], { stdio: 'ignore' }),
    'close',
  );
  return Number(code);
}

const main = (root: string): Promise<string> => readFile(join(root, 'dist', 'main.js'), 'utf8');

test('sources are compiled, other files copied', async () => {
  const root = await checkout('export const answer: number = 42;\n');
  await writeFile(join(root, 'src', 'page.html'), '<p>');
  expect(await build(root)).toBe(0);
  expect(await main(root)).toContain('export const answer = 42;');
  expect(await readFile(join(root, 'dist', 'page.html'), 'utf8')).toBe('<p>');
});

test('a build that fails leaves the last good one as it was', async () => {
  const root = await checkout('export const answer: number = 42;\n');
  await build(root);
  await writeFile(join(root, 'src', 'main.ts'), 'export const answer: number = "no number";\n');
  expect(await build(root)).toBe(1);
  expect(await main(root)).toContain('42');
  expect((await readdir(root)).filter((name) => name.startsWith('dist'))).toEqual(['dist']);
});

test('a file that is gone is gone from the next build', async () => {
  const root = await checkout('export {};\n');
  await mkdir(join(root, 'dist'));
  await writeFile(join(root, 'dist', 'old.js'), '');
  await build(root);
  expect(await readdir(join(root, 'dist'))).not.toContain('old.js');
});

test('two builds at once take turns', async () => {
  const root = await checkout('export const answer: number = 42;\n');
  expect(await Promise.all([build(root), build(root)])).toEqual([0, 0]);
  expect(await main(root)).toContain('42');
});

test('the workflows are bundled where there are any', async () => {
  const root = await checkout('export {};\n');
  await mkdir(join(root, 'src', 'workflows'));
  await writeFile(
    join(root, 'src', 'workflows', 'index.ts'),
    'export async function greet(): Promise<string> {\n  return "hello from a workflow";\n}\n',
  );
  expect(await build(root)).toBe(0);
  expect(await readFile(join(root, 'dist', 'workflow-bundle.js'), 'utf8')).toContain('hello from a workflow');
});
