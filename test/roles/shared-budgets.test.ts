import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { runningChildren } from '../../src/embedded/child-state.ts';
import { storeGate } from '../../src/interceptor/store-gate.ts';
import { freePort } from '../embedded/support/temporary.ts';
import { ask } from '../interceptor/support/client.ts';
import { sendText, startUpstream } from '../interceptor/support/upstream.ts';
import { prepareGround, type RoleGround } from '../support/postgres-roles.ts';
import { eventually } from '../support/project.ts';
import { startRole } from '../support/roles.ts';

const never = new AbortController().signal;
let ground: RoleGround;

beforeAll(async () => {
  ground = await prepareGround();
});
afterAll(() => ground.remove());

const gate = () => storeGate({ grants: ground.store.grants, installationSecret: ground.secret });

const model = 'gpt-4.1-mini';
/** What each call takes in the end, and what it may take: see largest-input.ts for the thousand. */
const taken = 60;
const answer = JSON.stringify({ id: 'c', model, choices: [], usage: { prompt_tokens: 20, completion_tokens: 40 } });
const bodyOf = (content: string) =>
  JSON.stringify({ model, max_completion_tokens: 100, messages: [{ role: 'user', content }] });
const mostOf = (content: string) => Buffer.byteLength(bodyOf(content)) + 1000 + 100;

/** A provider that counts, and leaves some calls open for ever. */
async function countingUpstream() {
  const upstream = await startUpstream((response, { body }) => {
    if (!body.includes('never ends')) setTimeout(() => sendText(response, answer), 5);
  });
  const forwarded = (content: string) => upstream.requests.filter(({ body }) => body.includes(content)).length;
  return { forwarded, env: { OPENAI_API_KEY: 'sk-real-of-the-budget-test', OPENAI_BASE_URL: upstream.baseUrl } };
}

const folderOf = (name: string) => join(ground.home, name);

async function settingsOf(name: string, env: Readonly<Record<string, string>>) {
  const port = await freePort();
  const settings = {
    ...env,
    HARBOR_INTERCEPTOR_DIR: folderOf(name),
    HARBOR_INTERCEPTOR_HOSTS: '127.0.0.1',
    HARBOR_INTERCEPTOR_PORT: String(port),
  };
  return { settings, url: `http://127.0.0.1:${port}/v1/chat/completions` };
}

/** An agent's token, with a budget that its rollout has at whatever interceptor. */
async function tokenFor(rolloutId: string, tokens: number): Promise<string> {
  const budgets = [{ id: `rollout/${rolloutId}`, tokens }];
  await gate().grant({ rolloutId, attempt: 1, models: [], script: null, budgets }, never);
  return gate().token(rolloutId, 1);
}

/** Makes calls, one after the other; returns what the first refusal says. */
async function untilRefused(url: string, token: string, content: string): Promise<string> {
  for (;;) {
    const { status, body } = await ask({ url, token, body: [bodyOf(content)] });
    if (status !== 200) return String(body);
  }
}

test(
  'over two interceptors exactly as many calls are forwarded as fit: of fifty at once, and after one has left',
  { timeout: 300_000 },
  async () => {
    const { forwarded, env } = await countingUpstream();
    const [first, second] = [await settingsOf('first', env), await settingsOf('second', env)];
    const [leaving] = await Promise.all([first, second].map(({ settings }) => ground.start('interceptor', settings)));
    const token = await tokenFor('fifty', 20 * taken + mostOf('Hello.'));
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        ask({ url: (n % 2 === 0 ? first : second).url, token, body: [bodyOf('Hello.')] }),
      ),
    );
    // The last one that fits leaves less than another one may take.
    expect(forwarded('Hello.')).toBe(21);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(21);
    const refused = answers.filter(({ status }) => status === 400);
    expect(refused).toHaveLength(29);
    expect(String(refused[0]?.body)).toContain('is used up: 1260 tokens are spent');

    // What one holds that ends in good order is there for the other at once.
    const later = await tokenFor('later', 9 * taken + mostOf('Later.'));
    expect((await ask({ url: first.url, token: later, body: [bodyOf('Later.')] })).status).toBe(200);
    await leaving?.end('SIGTERM');
    expect(await untilRefused(second.url, later, 'Later.')).toContain('is used up: 600 tokens are spent, and');
    expect(forwarded('Later.')).toBe(10);
  },
);

test(
  'one that is killed with calls open is charged for them, and the rest of its slice comes back with it',
  { timeout: 300_000 },
  async () => {
    const { forwarded, env } = await countingUpstream();
    const [dying, living] = [await settingsOf('dying', env), await settingsOf('living', env)];
    const [killed] = await Promise.all([
      startRole('interceptor', ground.home, { ...ground.settings, ...dying.settings }),
      ground.start('interceptor', living.settings),
    ]);
    onTestFinished(() => killed.end('SIGKILL'));
    await eventually('it to be ready', async () => (await fetch(`${killed.url}/readyz`)).ok);
    const [open, most] = [mostOf('This never ends.'), mostOf('Hello.')];
    const token = await tokenFor('killed', 3 * open + 9 * taken + most);
    const hanging = Array.from({ length: 3 }, () =>
      ask({ url: dying.url, token, body: [bodyOf('This never ends.')] }).catch(() => 'cut'),
    );
    await eventually('its calls to be open', async () => forwarded('This never ends.') === 3);
    await killed.end('SIGKILL');
    const guard = (await runningChildren(join(folderOf('dying'), 'run'))).get('interceptor');
    if (!guard) throw new Error('nothing streams there');
    process.kill(-guard.identity.pid, 'SIGKILL');
    await Promise.all(hanging);

    expect(await untilRefused(living.url, token, 'Hello.')).toContain('by interceptors that do not answer');
    const before = forwarded('Hello.');
    expect(before).toBeLessThan(10);
    await ground.start('interceptor', dying.settings);
    expect(await untilRefused(living.url, token, 'Hello.')).toContain(
      `is used up: ${3 * open + 10 * taken} tokens are spent, and`,
    );
    expect(forwarded('Hello.')).toBe(10);
  },
);
