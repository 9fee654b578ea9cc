import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { clientFor, type ServerFlags } from '../../src/cli/context.ts';

let home: string;
let servers: Server[];

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'harbor-test-context-'));
  servers = [];
});
afterEach(async () => {
  for (const server of servers) server.close();
  await rm(home, { recursive: true });
});

/** A server that answers every key with its own name and the key, as the one deployment that it lists. */
async function startServer(name: string): Promise<string> {
  const server = createServer((request, response) => {
    const key = request.headers.authorization?.replace('Bearer ', '') ?? '';
    const now = '2026-01-01T00:00:00.000Z';
    const deployment = {
      id: key,
      name,
      status: 'ready',
      snapshot_id: null,
      generation: 1,
      created_at: now,
      updated_at: now,
    };
    response.end(JSON.stringify({ deployments: [deployment], limit: 50, offset: 0 }));
  }).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
}

async function runsLocally(url: string, key = 'local-key'): Promise<void> {
  await mkdir(home, { recursive: true });
  await writeFile(join(home, 'api-key'), `${key}\n`);
  const temporal = { temporalUi: null, temporalAddress: '127.0.0.1:7233' };
  const info = { pid: 1, url, ...temporal, apiKeyFile: join(home, 'api-key'), startedAt: '2026-01-01T00:00:00.000Z' };
  await writeFile(join(home, 'server.json'), JSON.stringify(info));
}

/** Which server is talked to, with which key. */
async function reached(env: Record<string, string>, flags: ServerFlags = {}): Promise<string> {
  const client = await clientFor({ name: 'harbor', prefix: 'harbor', env: { HARBOR_HOME: home, ...env } }, flags);
  const [deployment] = await client.list();
  return `${deployment?.name} ${deployment?.id}`;
}

describe('the server that a command talks to', () => {
  test('is the one of this machine, with the key from its file, where nothing else is said', async () => {
    await runsLocally(await startServer('local'));
    expect(await reached({})).toBe('local local-key');
  });

  test('is what HARBOR_URL says', async () => {
    await runsLocally(await startServer('local'));
    const url = await startServer('remote');
    expect(await reached({ HARBOR_URL: url, HARBOR_API_KEY: 'h' })).toBe('remote h');
  });

  test("is what the existing client's variables say", async () => {
    const url = await startServer('remote');
    expect(await reached({ SYNTH_BACKEND_URL: url, SYNTH_API_KEY: 's' })).toBe('remote s');
  });

  test('is what the flags say, whatever the environment does', async () => {
    const [flagged, other] = [await startServer('flagged'), await startServer('other')];
    const env = { HARBOR_URL: other, HARBOR_API_KEY: 'h' };
    expect(await reached(env, { backendUrl: flagged, apiKey: 'f' })).toBe('flagged f');
  });

  test('may be at another address after a restart', async () => {
    await runsLocally(await startServer('first'));
    const client = await clientFor({ name: 'harbor', prefix: 'harbor', env: { HARBOR_HOME: home } }, {});
    await runsLocally(await startServer('second'));
    expect((await client.list())[0]?.name).toBe('second');
  });
});

describe('a key', () => {
  test('of the existing client goes with its own address', async () => {
    const [harbor, synth] = [await startServer('harbor'), await startServer('synth')];
    const keys = { HARBOR_API_KEY: 'h', SYNTH_API_KEY: 's' };
    expect(await reached({ HARBOR_URL: harbor, ...keys })).toBe('harbor h');
    expect(await reached({ SYNTH_BACKEND_URL: synth, ...keys })).toBe('synth s');
  });

  test('of another server is not sent to the one of this machine', async () => {
    await runsLocally(await startServer('local'));
    expect(await reached({ SYNTH_API_KEY: 'of-somewhere-else' })).toBe('local local-key');
  });

  test('of this machine is used for its server, however it is named', async () => {
    const url = await startServer('local');
    await runsLocally(url);
    expect(await reached({}, { backendUrl: `${url}/` })).toBe('local local-key');
  });

  test('of this machine is not sent to any other server', async () => {
    await runsLocally(await startServer('local'));
    await expect(reached({}, { backendUrl: await startServer('other') })).rejects.toMatchObject({
      message: expect.stringContaining('no API key'),
      remedy: expect.stringContaining('HARBOR_API_KEY'),
    });
  });
});

describe('a command cannot begin', () => {
  test('where no server is known', async () => {
    await expect(reached({})).rejects.toMatchObject({ remedy: expect.stringContaining('harbor up') });
  });

  test.each(['127.0.0.1:8000', 'ftp://x', 'http://user:secret@host', 'nonsense'])(
    'with the address %s',
    async (url) => {
      const failing = reached({}, { backendUrl: url, apiKey: 'k' });
      await expect(failing).rejects.toMatchObject({ remedy: expect.stringContaining('http://127.0.0.1:8000') });
      await expect(failing).rejects.not.toThrow('secret');
    },
  );
});
