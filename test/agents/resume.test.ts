import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { agentRegistry } from '../../src/agents/registry.ts';
import { startTestInterceptor } from '../interceptor/support/interceptor.ts';
import { endAttempt } from '../interceptor/support/projection.ts';
import { eventually } from '../support/project.ts';
import { agentNamed, madeFile, makeWorkplace, runAgent } from './support/run-agent.ts';

const script = {
  turns: [
    { say: 'I make the file.', run: 'printf hi > hello.txt' },
    { run: 'if [ -e ../again ]; then printf "hi again" > hello.txt; else : > ../underway; sleep 60; fi' },
    { run: 'printf "hi again" > hello.txt' },
    { say: 'It is done.' },
  ],
};

test.each(agentRegistry.names)('%s takes up a session that was ended in the midst of a command', async (name) => {
  const agent = agentNamed(name);
  const interceptor = await startTestInterceptor();
  const token = await interceptor.grant({ script });
  const place = await makeWorkplace();
  const job = { interceptor, token, place, settings: { retries: 'own' } };
  const ending = new AbortController();
  const first = runAgent(agent, { ...job, signal: ending.signal });
  await eventually('the command to run', () =>
    access(join(place.work, '../underway')).then(
      () => true,
      () => false,
    ),
  );
  ending.abort();
  const { events } = await first;
  const session = events.find((event) => event.type === 'session');
  expect(await madeFile(place)).toBe('hi');
  await writeFile(join(place.work, '../again'), '');

  const second = await runAgent(agent, { ...job, settings: {}, sessionId: session?.session_id ?? 'none' });
  expect(second).toMatchObject({ exitCode: 0 });
  expect(second.events).toContainEqual(session);
  expect(await madeFile(place)).toBe('hi again');
  // What was done before is known, and not done again.
  const { calls, blobs } = await endAttempt(interceptor);
  const last = String(await blobs.get(calls.at(-1)?.requestRef ?? ''));
  expect(last).toContain('printf hi > hello.txt');
  expect(last).toContain('Carry on');
});
