import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { execIn, inspected } from '../support/engine.ts';
import { deploy } from '../support/project.ts';
import { containerOf, ended, start } from '../support/running.ts';
import { removeEverything } from '../support/engine.ts';
import { disposeServer, makeHome, startServer, type TestServer } from '../support/server.ts';
import { once } from 'node:events';

const key = 'sk-live-0123456789abcdefghijklmnop';

/** Stands where a provider would: answers every chat, and remembers the keys it was shown. */
const seen: string[] = [];
const provider = createServer((request, response) => {
  seen.push(request.headers.authorization ?? '');
  request.resume();
  response.setHeader('content-type', 'application/json');
  response.end(
    JSON.stringify({
      id: 'chatcmpl-1',
      object: 'chat.completion',
      model: 'gpt-4.1-mini-2025-04-14',
      choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 1000, completion_tokens: 100 },
    }),
  );
});

/** Calls its model once, then waits to be looked at. */
const agent = `#!/usr/bin/perl
use strict; use IO::Socket::INET; $| = 1;
my ($host) = $ENV{OPENAI_BASE_URL} =~ m{http://([^/]+)};
my $body = '{"model":"gpt-4.1-mini","messages":[{"role":"user","content":"hello"}]}';
my $socket = IO::Socket::INET->new($host) or die "cannot reach $host";
print $socket "POST /v1/chat/completions HTTP/1.1\\r\\nHost: $host\\r\\nAuthorization: Bearer $ENV{OPENAI_API_KEY}\\r\\n"
  . "Content-Type: application/json\\r\\nContent-Length: " . length($body) . "\\r\\nConnection: close\\r\\n\\r\\n$body";
print while <$socket>;
sleep 0.1 until -e '/app/finish';
open my $result, '>', '/tmp/result.json'; print $result '{"metrics":{"reward_mean":1}}';
`;

let server: TestServer;

beforeAll(async () => {
  provider.listen(0, '127.0.0.1');
  await once(provider, 'listening');
  const address = provider.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  server = await startServer(await makeHome(), { OPENAI_API_KEY: key, OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1` });
  await deploy(
    server,
    {
      name: 'caller',
      dockerfile: 'FROM debian:bookworm-slim\nWORKDIR /app\nCOPY . .\nRUN chmod +x agent.pl\n',
      entrypoint: '/app/agent.pl',
    },
    { 'agent.pl': agent },
  );
});

afterAll(async () => {
  await disposeServer(server);
  await removeEverything(server.installation.id);
  provider.close();
});

async function filesWith(text: string, folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const hits = await Promise.all(files.map(async (file) => ((await readFile(file)).includes(text) ? [file] : [])));
  return hits.flat();
}

describe('the real key of a provider', () => {
  test('reaches the provider, and is nowhere else', async () => {
    const id = await start(server, 'caller', { policy: { config: { model: 'gpt-4.1-mini' } } });
    const container = await containerOf(server, id);
    await execIn(
      container,
      'until [ -e /.harbor/agent/out ] && grep -q chatcmpl /.harbor/agent/out; do sleep 0.1; done',
    );

    const inSandbox = await execIn(
      container,
      'cat /proc/[0-9]*/environ | tr "\\0" "\\n"; grep -rs sk-live /app /tmp /.harbor || true',
    );
    expect(inSandbox).toContain(`OPENAI_API_KEY=${id}.1.`);
    expect(inSandbox).not.toContain(key);
    expect(await inspected(container)).not.toContain(key);

    await execIn(container, 'touch /app/finish');
    const rollout = await ended(server, id);
    expect(seen).toEqual([`Bearer ${key}`]);
    expect(rollout).toMatchObject({
      status: 'completed',
      usage: { llm_calls: 1, input_tokens: 1000, output_tokens: 100 },
    });
    expect(rollout.usage.cost_usd).toBeCloseTo(0.0004 + 0.00016);

    const environ = await readFile(`/proc/${server.pid}/environ`, 'utf8');
    expect(environ).toContain('HARBOR_HOME');
    expect(environ).not.toContain(key);
    expect(server.errors()).not.toContain(key);
    expect(await filesWith(key, server.home)).toEqual([]);

    const connection = await Connection.connect({ address: server.temporalAddress });
    const history = await new Client({ connection }).workflow.getHandle(`rollout/${id}`).fetchHistory();
    await connection.close();
    const shown = JSON.stringify(history, (name, value: unknown) =>
      name === 'data' && typeof value === 'string' ? Buffer.from(value, 'base64').toString() : value,
    );
    expect(shown.includes('caller')).toBe(true);
    expect(shown.includes(key)).toBe(false);
  });

  test("the attempt's own token is dead when the attempt has ended", async () => {
    const id = await start(server, 'caller', { policy: { config: { model: 'gpt-4.1-mini' } } });
    const container = await containerOf(server, id);
    const token = await execIn(
      container,
      'until [ -e /.harbor/agent/out ]; do sleep 0.1; done; cat /proc/[0-9]*/environ | tr "\\0" "\\n" | sed -n s/^OPENAI_API_KEY=//p | head -n 1',
    );
    const base = await execIn(
      container,
      'cat /proc/[0-9]*/environ | tr "\\0" "\\n" | sed -n s/^OPENAI_BASE_URL=//p | head -n 1',
    );
    await execIn(container, 'touch /app/finish');
    await ended(server, id);
    const before = seen.length;
    const response = await fetch(`${base}/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: '{"model":"gpt-4.1-mini","messages":[]}',
    });
    expect(response.status).toBe(401);
    expect(seen.length).toBe(before);
  });
});
