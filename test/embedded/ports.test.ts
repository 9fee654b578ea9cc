import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { childPort, choosePort } from '../../src/embedded/ports.ts';
import { openHome } from '../../src/embedded/home.ts';
import { freePort, temporaryFolder } from './support/temporary.ts';

async function occupy(port: number): Promise<Server> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
  });
  return server;
}

test('a free preferred port is taken', async () => {
  const home = await openHome(await temporaryFolder());
  const preferred = await freePort();
  expect(await choosePort(home, 'api', preferred)).toBe(preferred);
});

test('where the preferred port is taken, one above it is chosen', async () => {
  const home = await openHome(await temporaryFolder());
  const preferred = await freePort();
  await occupy(preferred);
  expect(await choosePort(home, 'api', preferred)).toBeGreaterThan(preferred);
});

test('a chosen port is kept, whatever is preferred later', async () => {
  const home = await openHome(await temporaryFolder());
  const first = await choosePort(home, 'api', await freePort());
  expect(await choosePort(home, 'api', await freePort())).toBe(first);
});

test('two names never share a port', async () => {
  const home = await openHome(await temporaryFolder());
  const preferred = await freePort();
  await choosePort(home, 'one', preferred);
  expect(await choosePort(home, 'two', preferred)).not.toBe(preferred);
});

test('a kept port that a stranger took is given up', async () => {
  const home = await openHome(await temporaryFolder());
  const first = await choosePort(home, 'api', await freePort());
  await occupy(first);
  expect(await childPort(home, 'nothing-that-runs', 'api', first)).not.toBe(first);
});
