import { describe, expect, test } from 'vitest';
import { eventually } from '../support/project.ts';
import { ended } from '../support/running.ts';
import { idIn, readRun, useCli } from './support/cli.ts';

const { server, begin, harbor } = useCli();

describe('run', () => {
  test('ends with a table, the mean, and 0', async () => {
    const { code, out, err } = await harbor('run', 'tool', '--seeds', '2');
    expect(code).toBe(0);
    expect(out).toMatch(/^SEED .*\n +0 .*completed.*\n +1 .*completed.*\n\n2 rollouts, 2 scored, mean reward 0.5\n$/);
    expect(err).toMatch(/seed +1 +completed .*reward 0.5/);
  });

  test('fails when a rollout ends without a number, and says why', async () => {
    const { code, out } = await harbor('run', 'tool', '--seed', '13', '--seed', '1');
    expect(code).toBe(1);
    expect(out).toMatch(/✗ seed 13: .*\n +\S/);
    expect(out).toContain('2 rollouts, 1 scored');
  });

  test('prints JSON alone on stdout', async () => {
    const ran = await harbor('run', 'tool', '--seed', '13', '--seed', '1', '--json');
    expect(ran.code).toBe(1);
    const { results, ...sums } = readRun(ran);
    expect(sums).toEqual({ total: 2, successful: 1, failed: 1, mean_reward: 0.5 });
    expect(results.map(({ seed, success }) => [seed, success])).toEqual([
      [13, false],
      [1, true],
    ]);
  });

  test('sets several policies side by side', async () => {
    const ran = await harbor('run', 'tool', '--seeds', '2', '--policy', 'codex:gpt-5-mini', '--policy', 'codex:gpt-4o');
    expect(ran.code).toBe(0);
    expect(ran.out).toMatch(/\ncodex:gpt-5-mini +2 of 2 +0\.5 .*\ncodex:gpt-4o +2 of 2 +0\.5 /);
    expect(ran.out).toContain('4 rollouts, 4 scored, mean reward 0.5');
    const [first] = await server().client.rollouts({ limit: 1 });
    const compared = await server().client.rollouts({ comparison: first?.comparison_id ?? 'none' });
    expect(compared).toHaveLength(4);
  });

  test('has no more rollouts under way than --concurrency says', async () => {
    const ran = await harbor('run', 'tool', '--seeds', '3', '--concurrency', '1', '--json');
    const rollouts = await Promise.all(readRun(ran).results.map(({ id }) => server().client.rollout(id)));
    const times = rollouts.flatMap(({ created_at: begun, closed_at: end }) => [begun, end ?? '']);
    expect(times).toHaveLength(6);
    expect(times).toEqual(times.toSorted((one, other) => Date.parse(one) - Date.parse(other)));
  });

  test('starts and leaves them with --detach', async () => {
    const ran = await harbor('run', 'tool', '--seed', '2', '--detach');
    expect(ran.code).toBe(0);
    expect(await ended(server(), idIn(ran))).toMatchObject({ status: 'completed' });
  });

  test('tells by name what the server refuses', async () => {
    const { code, out } = await harbor('run', 'tool', '--seed', '1', '--timeout', '100000');
    expect(code).toBe(1);
    expect(out).toContain('✗ seed 1: limits.timeout_s: must be at most 3600 seconds');
  });

  test('leaves the rollout to the server at the first Ctrl-C', async () => {
    const run = begin('harbor', ['run', 'tool', '--seed', '300', '--json']);
    await eventually('the agent to work', async () => run.err().includes('agent at work'));
    run.child.kill('SIGINT');
    const ran = await run.done;
    expect(ran).toMatchObject({ code: 130, err: expect.stringContaining('left running at the server') });
    expect(await ended(server(), readRun(ran).results[0]?.id ?? '')).toMatchObject({ status: 'completed' });
  });

  test('cancels it at the second', async () => {
    const run = begin('harbor', ['run', 'tool', '--seed', '9000', '--json']);
    await eventually('the agent to work', async () => run.err().includes('agent at work'));
    run.child.kill('SIGINT');
    await eventually('the offer', async () => run.err().includes('Ctrl-C again'));
    // A person is slower than an echo of the first one would be.
    await new Promise((resolve) => setTimeout(resolve, 500));
    run.child.kill('SIGINT');
    const ran = await run.done;
    expect(ran.code).toBe(130);
    expect(readRun(ran).results[0]).toMatchObject({ status: 'cancelled' });
  });
});
