import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { agentRegistry } from '../../src/agents/registry.ts';
import { startTestInterceptor } from '../interceptor/support/interceptor.ts';
import { endAttempt } from '../interceptor/support/projection.ts';
import { agentNamed, makeWorkplace, runAgent } from './support/run-agent.ts';

/** The first request of an agent in a working directory with these files. */
async function firstRequest(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  const interceptor = await startTestInterceptor();
  const token = await interceptor.grant({ script: { turns: [{ say: 'done' }] } });
  const place = await makeWorkplace();
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(place.work, path)), { recursive: true });
    await writeFile(join(place.work, path), content);
  }
  await runAgent(agentNamed(name), { interceptor, token, place });
  const { calls, blobs } = await endAttempt(interceptor);
  return String(await blobs.get(calls[0]?.requestRef ?? ''));
}

const skill = (name: string) => `---\nname: ${name}\ndescription: How ${name} is done.\n---\nIn detail.\n`;

test.each(agentRegistry.names)('%s reads its instructions and skills in the working directory', async (name) => {
  const { instructions, skills } = agentNamed(name);
  // Of several files it may read but one.
  for (const [index, path] of instructions.entries()) {
    const isLast = index === instructions.length - 1;
    const found = isLast
      ? skills.map((folder, at): [string, string] => [`${folder}/skill-${at}/SKILL.md`, skill(`skill-${at}`)])
      : [];
    const request = await firstRequest(name, { [path]: `The marker is ${name}-7391.`, ...Object.fromEntries(found) });
    expect(request).toContain(`${name}-7391`);
    for (const [at] of found.entries()) expect(request).toContain(`How skill-${at} is done.`);
  }
});
