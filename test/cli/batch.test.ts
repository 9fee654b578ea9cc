import { describe, expect, test } from 'vitest';
import { batchEventSchema } from '../../src/model/batch-event-responses.ts';
import { batchSchema } from '../../src/model/batch-responses.ts';
import { parseJson } from '../../src/model/json.ts';
import { ledgerLineSchema } from '../../src/model/ledger-responses.ts';
import { eventually } from '../support/project.ts';
import { useCli } from './support/cli.ts';

const { server, begin, harbor } = useCli();
const lines = (text: string) => text.trim().split('\n');
const overBatch = (id: string) =>
  eventually('the batch to end', async () => (await server().client.batch(id)).closed_at !== null);

describe('batch run', { timeout: 120_000 }, () => {
  test('shows how it goes and what it came to; 0 where every cell has a reward', async () => {
    const { code, out, err } = await harbor('batch', 'run', 'tool', '--seeds', '1-4', '-m', 'gpt-5-mini');
    expect(err).toMatch(/^Batch \w+: 4 rollouts of tool\n/);
    expect(err).toMatch(/\ncompleted: 4 of 4 ended; 0 open; reward 0\.500/);
    expect(out).toMatch(/status +completed\n +planned +4: 4 scored\n +no reward +none\n +reward +0\.500/);
    expect(code).toBe(0);
  });

  test('names what ended without a reward, and is 1 then; a retry, the export and the ledger know of it', async () => {
    const { code, out, err } = await harbor('batch', 'run', 'tool', '--seeds', '1,13', '-m', 'gpt-5-mini');
    expect(code).toBe(1);
    expect(err).toMatch(/✗ agent_failed: seed 13, sample 0, policy 0 \(\w+-1\)/);
    expect(out).toMatch(/no reward +1 agent_failed/);
    const id = /^Batch (\w+):/.exec(err)?.[1] ?? '';

    const ledger = await harbor('batch', 'ledger', id);
    expect(lines(ledger.out)[0]).toBe('0.00 % of all attempts lost to infrastructure (0 of 2)');
    expect(ledger.out).toContain('2 = 1 scored + 1 agent_failed');
    expect(ledger.out).toContain('✓ The books balance.');
    expect(ledger.code).toBe(0);
    const entries = lines((await harbor('batch', 'ledger', id, '--jsonl')).out);
    expect(entries.map((line) => parseJson(line, ledgerLineSchema).type)).toEqual(['books', 'rollout', 'rollout']);

    expect((await harbor('batch', 'retry', id, '--class', 'agent_failed')).out).toBe(`${id}  running\n`);
    await overBatch(id);
    const results = lines((await harbor('batch', 'export', id)).out);
    expect(results[1]).toContain(`"rollout_id":"${id}-1-g2"`);
    expect((await harbor('batch', 'show', id)).out).toMatch(/attempts +3/);
  });

  test('prints events as lines of JSON, of several policies too', async () => {
    const policies = ['--policy', 'codex:gpt-5-mini', '--policy', 'claude-code:claude-haiku-4-5'];
    const { code, out } = await harbor('batch', 'run', 'tool', '--seeds', '1', '-n', '2', ...policies, '--json');
    expect(code).toBe(0);
    const events = lines(out).map((line) => parseJson(line, batchEventSchema));
    expect(events.at(-1)).toMatchObject({
      type: 'end',
      batch: {
        counts: { scored: 4 },
        policies: [
          { model: 'gpt-5-mini', pass_at: { 1: 0, 2: 0 } },
          { model: 'claude-haiku-4-5', scored: 2 },
        ],
      },
    });
    const ended = events.flatMap((event) =>
      event.type === 'rollout' && event.status === 'completed' ? [`${event.sample},${event.policy}`] : [],
    );
    expect(new Set(ended)).toEqual(new Set(['0,0', '0,1', '1,0', '1,1']));
  });

  test('leaves the batch to the server at Ctrl-C and says how to come back, which works', async () => {
    const run = begin('harbor', ['batch', 'run', 'tool', '--seeds', '1,300,301', '-m', 'gpt-5-mini', '-c', '1']);
    await eventually('the batch to be shown', async () => run.err().includes('running: '));
    run.child.kill('SIGINT');
    const { code, err } = await run.done;
    expect(code).toBe(130);
    const id = /harbor batch watch (\w+)/.exec(err)?.[1] ?? '';
    expect(err).toContain(`harbor batch cancel ${id}`);
    expect(await server().client.batch(id)).toMatchObject({ status: 'running', closed_at: null });
    const watched = await harbor('batch', 'watch', id);
    expect(watched).toMatchObject({ code: 0, out: expect.stringContaining('3: 3 scored') });
  });
});

test('a batch is steered, and its watcher sees it', { timeout: 120_000 }, async () => {
  const detached = ['batch', 'run', 'tool', '--seeds', '200-209', '-m', 'gpt-5-mini', '-c', '1', '--detach', '--json'];
  const { id } = parseJson((await harbor(...detached)).out, batchSchema);
  const watching = begin('harbor', ['batch', 'watch', id, '--json']);
  expect((await harbor('batch', 'pause', id)).out).toBe(`${id}  paused\n`);
  expect((await harbor('batch', 'concurrency', id, '2')).out).toBe(`${id}  paused  2 at once\n`);
  expect((await harbor('batch', 'resume', id)).out).toBe(`${id}  running\n`);
  expect((await harbor('batch', 'list')).out).toContain(id);
  await harbor('batch', 'cancel', id);
  const { code, out } = await watching.done;
  expect(code).toBe(1);
  const changes = lines(out)
    .map((line) => parseJson(line, batchEventSchema))
    .filter((event) => event.type === 'batch')
    .map(({ status, concurrency }) => `${status} ${concurrency}`);
  expect(changes).toEqual(['running 1', 'paused 1', 'paused 2', 'running 2', 'cancelling 2', 'cancelled 2']);
});

test('what the server refuses is said in its words', async () => {
  const refused = await harbor('batch', 'run', 'tool', '-m', 'gpt-of-our-own', '--usd', '5');
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('policies.0.config.model: budget.usd') });
  expect(await harbor('batch', 'watch', 'nothing')).toMatchObject({
    code: 1,
    err: expect.stringContaining('Batch nothing'),
  });
});
