import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HarborClient } from '../../src/sdk/client.ts';

let server: Server;

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** A client of a server that does this with every request. */
async function clientOf(
  answer: (request: IncomingMessage, response: ServerResponse) => unknown,
  path = '',
): Promise<HarborClient> {
  server = createServer((request, response) => void answer(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return new HarborClient({ url: `http://127.0.0.1:${port}${path}`, apiKey: 'the-key' });
}

const asJson = (response: ServerResponse, value: unknown, status = 200) =>
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));

describe('a request', () => {
  test('carries the key, and keys of deployments so that they cannot change the path', async () => {
    let seen: IncomingMessage | undefined;
    const client = await clientOf((request, response) => {
      seen = request;
      asJson(response, { detail: 'no', code: 'not_found' }, 404);
    });
    await expect(client.status('a/../b?x#y')).rejects.toThrow('no');
    expect(seen?.url).toBe('/api/harbor/deployments/a%2F..%2Fb%3Fx%23y/status');
    expect(seen?.headers.authorization).toBe('Bearer the-key');
  });

  test.each(['/', '/base', '/base/'])('goes below the address it was given (%s)', async (path) => {
    let seen = '';
    const client = await clientOf((request, response) => {
      seen = request.url ?? '';
      asJson(response, { deployments: [], limit: 50, offset: 0 });
    }, path);
    expect(await client.list()).toEqual([]);
    expect(seen).toBe(`${path.replace(/\/$/, '')}/api/harbor/deployments?limit=50&offset=0`);
  });

  test('that starts a rollout says that it will not wait, and brings its own id', async () => {
    let headers: IncomingMessage['headers'] = {};
    let body = '';
    const client = await clientOf(async (request, response) => {
      headers = request.headers;
      body = await text(request);
      asJson(response, { id: 'r1', rollout_id: 'r1', status: 'queued', url: '/x' }, 202);
    });
    const accepted = await client.startRollout('d', { rollout_id: 'r1', env: { seed: 3 } });
    expect(accepted.status).toBe('queued');
    expect(headers['prefer']).toBe('respond-async');
    expect(body).toBe('{"rollout_id":"r1","env":{"seed":3}}');
  });
});

describe('an answer', () => {
  test('may hold more than this client knows', async () => {
    const client = await clientOf((_request, response) =>
      asJson(response, { build_id: 'b', deployment_id: 'd', status: 'pending', brand_new: { x: 1 } }),
    );
    expect(await client.build('d')).toMatchObject({ build_id: 'b' });
  });

  test('that refuses becomes an error with the words, the field and the remedy of the server', async () => {
    const problem = {
      detail: 'limits.cpu_cores: too many',
      code: 'invalid_request',
      field: 'limits.cpu_cores',
      remedy: 'Ask for 8.',
    };
    const client = await clientOf((_request, response) => asJson(response, problem, 400));
    await expect(client.status('d')).rejects.toMatchObject({
      name: 'ApiError',
      status: 400,
      code: 'invalid_request',
      failureClass: 'invalid_request',
      message: 'limits.cpu_cores: too many',
      field: 'limits.cpu_cores',
      remedy: 'Ask for 8.',
    });
  });

  test('of a wrong key says where keys come from', async () => {
    const client = await clientOf((_request, response) =>
      asJson(response, { detail: 'no such key', code: 'unauthorized' }, 401),
    );
    await expect(client.list()).rejects.toMatchObject({ remedy: expect.stringContaining('HARBOR_API_KEY') });
  });

  test('tells when to come back', async () => {
    const client = await clientOf((_request, response) =>
      response.writeHead(429, { 'retry-after': '7' }).end('{"detail":"full","code":"capacity"}'),
    );
    await expect(client.list()).rejects.toMatchObject({ failureClass: 'capacity', retryAfterSeconds: 7 });
  });

  test("of something that is no Harbor server is not taken for one's", async () => {
    const client = await clientOf((_request, response) => response.end('<html>hello</html>'));
    await expect(client.list()).rejects.toThrow('otherwise than a Harbor server does');
  });

  test('of a proxy without its server keeps what it said', async () => {
    const client = await clientOf((_request, response) => response.writeHead(502).end('<h1>Bad Gateway</h1>'));
    await expect(client.list()).rejects.toMatchObject({ status: 502, message: expect.stringContaining('Bad Gateway') });
  });
});

describe('a connection', () => {
  test('that is refused is transient', async () => {
    const client = await clientOf(() => undefined);
    server.close();
    await once(server, 'close');
    await expect(client.list()).rejects.toMatchObject({
      name: 'UnreachableError',
      transient: true,
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });

  test('that is cut before an answer is transient', async () => {
    const client = await clientOf((request) => request.socket.destroy());
    await expect(client.list()).rejects.toMatchObject({ name: 'UnreachableError', transient: true });
  });

  test('that is cut in the middle of an answer is transient', async () => {
    const client = await clientOf((_request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('{"deployments"', () => response.destroy());
    });
    await expect(client.list()).rejects.toMatchObject({ name: 'UnreachableError', transient: true });
  });

  test('that is cut in the middle of a log says so after what came', async () => {
    const client = await clientOf((_request, response) => {
      response.writeHead(200);
      response.write('first line\n', () => response.destroy());
    });
    const log = client.buildLog('d', 'b', { follow: true });
    expect(Buffer.from((await log.next()).value ?? []).toString()).toBe('first line\n');
    await expect(log.next()).rejects.toMatchObject({ name: 'UnreachableError', transient: true });
  });

  test('to a host that does not exist is not transient', async () => {
    server = createServer();
    const client = new HarborClient({ url: 'http://no-such-host.invalid', apiKey: 'k' });
    await expect(client.list()).rejects.toMatchObject({ name: 'UnreachableError', transient: false });
  });
});

describe('an upload', () => {
  let folder: string;
  const archiveOf = async (bytes: number): Promise<string> => {
    await writeFile(join(folder, 'context'), Buffer.alloc(bytes));
    return join(folder, 'context');
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'harbor-test-upload-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  test('is not held in memory', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage: () => void = runInNewContext('gc');
    const archive = await archiveOf(50_000_000);
    let held = Infinity;
    const client = await clientOf(async (request, response) => {
      for await (const _chunk of request);
      // The memory of buffers that were collected is given back a little later, by another thread.
      for (let round = 0; round < 50 && held >= 20_000_000; round++) {
        collectGarbage();
        await sleep(20);
        held = process.memoryUsage().arrayBuffers;
      }
      asJson(response, { detail: 'seen enough', code: 'conflict' }, 409);
    });
    await expect(client.upload({ name: 'x' }, archive)).rejects.toThrow('seen enough');
    expect(held).toBeLessThan(20_000_000);
  });

  test('ends with the reason when the server refuses it half-way', async () => {
    const client = await clientOf((_request, response) => {
      response.writeHead(413, { connection: 'close' }).end('{"detail":"too large","code":"too_large"}');
    });
    await expect(client.upload({ name: 'x' }, await archiveOf(20_000_000))).rejects.toMatchObject({ status: 413 });
  });

  test('whose file is gone fails with that, not as a trouble of the connection', async () => {
    const client = await clientOf((_request, response) => response.end());
    await expect(client.upload({ name: 'x' }, join(folder, 'gone'))).rejects.toThrow('cannot be read: ENOENT');
  });
});
