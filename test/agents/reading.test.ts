import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { agentRegistry } from '../../src/agents/registry.ts';
import { startTestInterceptor } from '../interceptor/support/interceptor.ts';
import { endAttempt } from '../interceptor/support/projection.ts';
import { agentNamed, makeWorkplace, runAgent } from './support/run-agent.ts';

/** The first request of an agent with these files in its working directory and in its own folder. */
async function firstRequest(
  name: string,
  files: Readonly<Record<string, string>>,
  ownFiles: Readonly<Record<string, string>> = {},
): Promise<string> {
  const interceptor = await startTestInterceptor();
  const token = await interceptor.grant({ script: { turns: [{ say: 'done' }] } });
  const place = await makeWorkplace();
  await writeAll(place.work, files);
  await writeAll(place.own, ownFiles);
  await runAgent(agentNamed(name), { interceptor, token, place });
  const { calls, blobs } = await endAttempt(interceptor);
  return String(await blobs.get(calls[0]?.requestRef ?? ''));
}

async function writeAll(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
}

const skill = (name: string) => `---\nname: ${name}\ndescription: How ${name} is done.\n---\nIn detail.\n`;

const marker = (path: string) => `The marker is ${path.replaceAll(/[^a-zA-Z]/g, '-')}-7391.`;

describe.each(agentRegistry.names)('%s', (name) => {
  const { instructions, skills, own } = agentNamed(name);

  test.each(instructions)('reads its instructions %s in the working directory', async (...group) => {
    const request = await firstRequest(name, Object.fromEntries(group.map((path) => [path, marker(path)])));
    for (const path of group) expect(request).toContain(marker(path));
  });

  test('reads of several groups of instructions only the first', async () => {
    const groups = instructions.map(([path = '']) => path);
    const request = await firstRequest(name, Object.fromEntries(groups.map((path) => [path, marker(path)])));
    expect(groups.filter((path) => request.includes(marker(path)))).toEqual(groups.slice(0, 1));
  });

  test('finds its skills, and instructions and skills in its own folder', async () => {
    const inWork = skills.map((folder, at): [string, string] => [
      `${folder}/skill-${at}/SKILL.md`,
      skill(`skill-${at}`),
    ]);
    const inOwn = { [own.instructions]: marker('own'), [`${own.skills}/own-one/SKILL.md`]: skill('own-one') };
    const request = await firstRequest(name, Object.fromEntries(inWork), inOwn);
    for (const [at] of skills.entries()) expect(request).toContain(`How skill-${at} is done.`);
    expect(request).toContain('How own-one is done.');
    expect(request).toContain(marker('own'));
  });
});
