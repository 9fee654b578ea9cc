import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseJson } from '../../src/model/json.ts';
import { deploymentSchema } from '../../src/model/deployment-responses.ts';
import type { GenerationRow } from '../../src/store/deployments.ts';
import { type Answer, problemOf, useApi } from '../support/api.ts';
import { file, tarGz } from './intake/archives.ts';

const api = useApi();
const root = '/api/harbor/deployments';
const dockerfile = 'FROM debian:bookworm-slim\n';

const packed = (files: Readonly<Record<string, string>>) =>
  tarGz(Object.entries(files).map(([name, content]) => file(name, content))).toString('base64');

const create = (name: string, body: object): Promise<Answer> => api().ask(root, { body: { name, ...body } });
const build = (name: string, body?: object): Promise<Answer> =>
  api().ask(`${root}/${name}/build`, body ? { body } : { method: 'POST' });

async function newest(name: string): Promise<GenerationRow> {
  const row = await api().store.deployments.find('default', name);
  if (!row) throw new Error(`${name} is not there`);
  return api().store.deployments.generation(row.id, row.generation);
}

/** Before the first upload of this process. */
test('what a killed process left of its uploads goes with the first upload', async () => {
  await mkdir(join(api().uploadsFolder, 'upload-dead'));
  await writeFile(join(api().uploadsFolder, 'upload-dead', 'context.tar'), 'half');
  await create('first', { dockerfile });
  expect(await readdir(api().uploadsFolder)).toEqual([]);
});

describe('nothing of an upload stays on disk', () => {
  test.each<[string, object, number]>([
    ['one that is taken', { dockerfile, context_tar_base64: packed({ 'a.txt': 'a' }) }, 200],
    ['one that is refused', { dockerfile, context_tar_base64: packed({ '../a': 'a' }) }, 400],
    ['one whose settings are refused', { context_tar_base64: packed({ a: 'a' }), limits: { cpu_cores: 99 } }, 400],
  ])('of %s', async (what, body, status) => {
    expect((await create(what.replaceAll(' ', '-'), body)).status).toBe(status);
    expect(await readdir(api().uploadsFolder)).toEqual([]);
  });
});

describe('a build request', () => {
  const context = packed({ 'a.txt': 'a', 'tasks/1/tests/test.sh': 'exit 0', 'tasks/1/instruction.md': 'Do.' });

  test('with a Dockerfile alone keeps the context and its tasks', async () => {
    await create('new-dockerfile', { dockerfile, context_tar_base64: context });
    const before = await newest('new-dockerfile');
    await build('new-dockerfile', { dockerfile: `${dockerfile}RUN true\n` });
    const after = await newest('new-dockerfile');
    expect(after).toMatchObject({
      generation: 2,
      dockerfile: `${dockerfile}RUN true\n`,
      contextRef: before.contextRef,
    });
    expect(await api().store.deployments.seeds(after.deploymentId, 2)).toEqual([1]);
  });

  test('with an archive alone keeps the Dockerfile', async () => {
    await create('new-context', { dockerfile, context_tar_base64: context });
    const before = await newest('new-context');
    await build('new-context', { context_tar_base64: packed({ 'b.txt': 'b' }) });
    const after = await newest('new-context');
    expect(after).toMatchObject({ generation: 2, dockerfile });
    expect(after.contextHash).not.toBe(before.contextHash);
    expect(await api().store.deployments.seeds(after.deploymentId, 2)).toEqual([]);
  });

  test('with an archive that has a Dockerfile takes that', async () => {
    await create('both', { dockerfile });
    await build('both', { context_tar_base64: packed({ Dockerfile: 'FROM alpine\n' }) });
    expect(await newest('both')).toMatchObject({ dockerfile: 'FROM alpine\n' });
  });

  test('with force does not join the build that is under way', async () => {
    await create('forced', { dockerfile });
    await build('forced', { force: true });
    expect(await newest('forced')).toMatchObject({ generation: 2, force: true });
  });

  test.each<[string, object, string]>([
    ['an LLM key', { dockerfile: `${dockerfile}ENV OPENAI_API_KEY=abc\n` }, 'dockerfile'],
    ['a held-back path', { dockerfile: `${dockerfile}COPY tasks/1/tests /t\n` }, 'dockerfile'],
    ['a Dockerfile beyond its limit', { dockerfile: `${dockerfile}#${'x'.repeat(1024 * 1024)}\n` }, 'dockerfile'],
    ['an archive that is none', { context_tar_base64: 'aGVsbG8=' }, 'context_tar_base64'],
    ['force that is a text', { force: 'yes' }, 'force'],
  ])('with %s is refused, and makes no generation', async (what, body, field) => {
    const name = `refused-${what.replaceAll(' ', '-')}`;
    await create(name, { dockerfile, context_tar_base64: context });
    const answer = await build(name, body);
    expect(answer.status).toBe(400);
    expect(problemOf(answer)).toMatchObject({ field });
    expect(await newest(name)).toMatchObject({ generation: 1 });
  });
});

describe('what a task says it needs', () => {
  const needing = (memory: number) =>
    packed({
      'task.toml': `[environment]\nmemory_mb = ${memory}\n`,
      'instruction.md': 'Do.',
      'environment/Dockerfile': dockerfile,
      'tests/test.sh': 'exit 0',
    });
  const memoryOf = ({ text }: Answer) => parseJson(text, deploymentSchema).limits.memory_mb;

  test('is a floor under what is asked for', async () => {
    const little = { limits: { memory_mb: 1024 }, context_tar_base64: needing(8192) };
    const much = { limits: { memory_mb: 16_384 }, context_tar_base64: needing(8192) };
    expect(memoryOf(await create('needs-more', little))).toBe(8192);
    expect(memoryOf(await create('needs-less', much))).toBe(16_384);
  });

  test('counts in a rebuild with a new archive, too', async () => {
    await create('grows', { context_tar_base64: needing(8192) });
    await build('grows', { context_tar_base64: needing(12_288) });
    expect((await newest('grows')).limits.memory_mb).toBe(12_288);
  });
});
