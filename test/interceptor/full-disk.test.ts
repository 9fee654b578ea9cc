import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { interceptorAdmin } from '../../src/interceptor/admin-client.ts';
import { journalDirectory } from '../../src/interceptor/main.ts';
import { mintToken } from '../../src/interceptor/tokens.ts';
import { freePort } from '../embedded/support/temporary.ts';
import { type Answered, ask, jsonOf } from './support/client.ts';
import { never, realKey, temporaryFolder, testSecret } from './support/interceptor.ts';
import { spawnInterceptor } from './support/process.ts';
import { sendText, startUpstream } from './support/upstream.ts';

test('on a disk that takes no more, calls are refused: none reaches the upstream without its record', async () => {
  const upstream = await startUpstream((response) => sendText(response, '{}'));
  const directory = await temporaryFolder();
  const ports = { publicPort: await freePort(), adminPort: await freePort() };
  const env = { OPENAI_API_KEY: realKey, OPENAI_BASE_URL: upstream.baseUrl };
  await spawnInterceptor({ directory, ...ports }, env, { largestFile: 64 });
  const admin = interceptorAdmin({ adminPort: ports.adminPort, installationSecret: testSecret });
  await admin.grant({ rolloutId: 'rollout-1', attempt: 1, models: [], script: null }, never);
  const token = mintToken(testSecret, 'rollout-1', 1);

  const answers: Answered[] = [];
  for (let number = 0; number < 50; number += 1) {
    const body = [JSON.stringify({ model: 'gpt-4.1-mini', number, padding: 'x'.repeat(3000) })];
    answers.push(await ask({ url: `http://127.0.0.1:${ports.publicPort}/v1/chat/completions`, token, body }));
  }
  const [served, refused] = [200, 503].map((wanted) => answers.filter(({ status }) => status === wanted));
  expect(upstream.requests).toHaveLength(served?.length ?? 0);
  expect(refused).toHaveLength(answers.length - upstream.requests.length);
  const last = refused?.at(-1);
  expect(last && jsonOf(last)).toMatchObject({ error: { code: 'journal_unavailable' } });
  const folder = journalDirectory(directory);
  const texts = (await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8'));
  const journal = (await Promise.all(texts)).join('');
  expect(upstream.requests.filter(({ body }) => !journal.includes(String(body)))).toEqual([]);
});
