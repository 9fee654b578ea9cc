import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { llmFingerprint, llmKeyNames, plainEnvironment } from '../../src/embedded/llm-variables.ts';
import { nextLine, startProgram } from './support/spawn.ts';
import { temporaryFolder } from './support/temporary.ts';

const key = 'sk-test-never-to-be-seen';

test('a process goes on without its keys under the same id, with its arguments', async () => {
  const child = startProgram(['drop-keys', 'an argument'], {
    ...process.env,
    OPENAI_API_KEY: key,
    ANTHROPIC_BASE_URL: key,
  });
  expect(JSON.parse(await nextLine(child))).toEqual({ pid: child.pid, arguments: ['drop-keys', 'an argument'] });
  expect(await readFile(`/proc/${child.pid}/environ`, 'utf8')).not.toContain(key);
});

test('no key is left in the memory of the process, where one that keeps it has it', async () => {
  const env = { ...process.env, OPENAI_API_KEY: key };
  const folder = await temporaryFolder();
  const [dropping, keeping] = [startProgram(['drop-keys'], env), startProgram(['lock', join(folder, 'lock')], env)];
  await Promise.all([nextLine(dropping), nextLine(keeping)]);
  expect(await memoryHolds(dropping.pid ?? 0, key)).toBe(false);
  expect(await memoryHolds(keeping.pid ?? 0, key)).toBe(true);
});

test('two processes with the same keys have the same fingerprint, and no other has it', () => {
  const installation = { id: '', secret: '00' };
  const print = (env: NodeJS.ProcessEnv): string | undefined => llmFingerprint(installation, env);
  const same = print({ OPENAI_API_KEY: key, OPENAI_BASE_URL: 'http://x', PATH: '/bin' });
  expect(print({ OPENAI_BASE_URL: 'http://x', OPENAI_API_KEY: key, PATH: '/usr/bin' })).toBe(same);
  expect(print({ OPENAI_API_KEY: `${key}2`, OPENAI_BASE_URL: 'http://x' })).not.toBe(same);
  expect(llmFingerprint({ id: '', secret: '01' }, { OPENAI_API_KEY: key, OPENAI_BASE_URL: 'http://x' })).not.toBe(same);
});

test('a blank key is none', () => {
  expect(llmKeyNames({ OPENAI_API_KEY: ' ', ANTHROPIC_API_KEY: key })).toEqual(['ANTHROPIC_API_KEY']);
});

test('children get paths, certificates and proxies, and no secret', () => {
  const env = {
    PATH: '/bin',
    HTTPS_PROXY: 'http://p',
    no_proxy: 'x',
    NODE_EXTRA_CA_CERTS: '/ca',
    HARBOR_API_KEY: key,
    OPENAI_API_KEY: key,
  };
  expect(Object.keys(plainEnvironment(env))).toEqual(['PATH', 'HTTPS_PROXY', 'no_proxy', 'NODE_EXTRA_CA_CERTS']);
});

/** Whether any memory that the process may write to holds the text. */
async function memoryHolds(pid: number, text: string): Promise<boolean> {
  const maps = await readFile(`/proc/${pid}/maps`, 'utf8');
  const memory = await open(`/proc/${pid}/mem`, 'r');
  try {
    for (const [, from = '', to = ''] of maps.matchAll(/^([0-9a-f]+)-([0-9a-f]+) rw/gm)) {
      const start = Number.parseInt(from, 16);
      const block = Buffer.alloc(Number.parseInt(to, 16) - start);
      const { bytesRead } = await memory.read(block, 0, block.length, start).catch(() => ({ bytesRead: 0 }));
      if (block.subarray(0, bytesRead).includes(text)) return true;
    }
    return false;
  } finally {
    await memory.close();
  }
}
