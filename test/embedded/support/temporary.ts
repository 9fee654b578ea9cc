import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { stopChild } from '../../../src/embedded/child.ts';
import { type Home, openHome } from '../../../src/embedded/home.ts';

/** A folder that is gone when the test is over. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'harbor-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A data folder with ports of its own; what its children leave running ends with the test. */
export async function temporaryHome(): Promise<Home> {
  const home = await openHome(await temporaryFolder());
  const names = ['interceptor', 'interceptor-admin', 'temporal', 'temporal-ui'];
  const ports = await Promise.all(names.map(async (name) => [name, await freePort()]));
  await writeFile(home.files.ports, JSON.stringify(Object.fromEntries(ports)));
  onTestFinished(async () => {
    const states = (await readdir(home.files.run)).filter((name) => name.endsWith('.json'));
    for (const name of states) await stopChild(home, basename(name, '.json'));
  });
  return home;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
