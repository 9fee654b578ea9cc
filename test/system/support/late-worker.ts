import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, test } from 'vitest';
import { containersOf, execIn, killContainer } from '../../support/engine.ts';
import { type TestInstallation, useInstallation } from '../../support/installation.ts';
import { eventually } from '../../support/project.ts';
import type { RoleProcess } from '../../support/roles.ts';

/** A worker that can be taken away without a word, past every timeout, and given back. */
export interface Sleeper {
  start(installation: TestInstallation): Promise<RoleProcess>;
  takeAway(worker: RoleProcess): Promise<void>;
  giveBack(worker: RoleProcess): Promise<void>;
}

const policy = { config: { agent: 'claude-code', model: 'claude-sonnet-4-5' } };

/** One call, a command that works until it is told to end, and a last call. */
const script = {
  turns: [{ run: 'echo start >> /app/starts; while [ ! -e /app/go ]; do sleep 0.1; done' }, { say: 'It is done.' }],
};
/** The number of the agent's starts is what is rewarded. */
const tests = `#!/bin/sh
printf '{"starts":%s}' "$(grep -c start /app/starts)" > /logs/verifier/reward.json
`;

const once = {
  attempt: 1,
  status: 'completed',
  failure: null,
  usage: { llm_calls: script.turns.length },
  reward_info: { outcome_objectives: { starts: 1 } },
};

/** Seconds for what a worker does by itself once it is woken, or somebody else's heartbeats stay away. */
const patience = 120;

/** How many follow the agent's output in the sandbox; those that are gone are not counted. */
const followers = async (container: string): Promise<number> => {
  const alive = 'while read -r pid since; do [ ! -d /proc/$pid ] || echo x; done < /.harbor/agent/wake | wc -l';
  return Number(await execIn(container, alive));
};

const working = (container: string) =>
  eventually(
    'the agent to work',
    async () => (await execIn(container, 'cat /app/starts 2>/dev/null || true').catch(() => '')) === 'start',
    patience,
  );

/**
 * One worker follows the agents of three rollouts when it is taken away, and another takes all of them over. Meanwhile one
 * goes on, one comes to its end, and one loses its sandbox and begins again; then the first comes back.
 */
export function describeLateWorker(how: string, sleeper: Sleeper): void {
  const installation = useInstallation();
  const rollouts = ['followed', 'over', 'lost'] as const;
  let first: RoleProcess;
  let second: RoleProcess;
  /** The agent's sandbox of each, the last one's in its second attempt. */
  let boxes: Record<(typeof rollouts)[number], string>;
  let ofOver: unknown;
  let ofLost: unknown;

  const start = (id: string) => installation().client.startRollout('env', { rollout_id: id, env: { seed: 1 }, policy });

  async function atWork(id: string, attempt: number): Promise<string> {
    const container = await installation().boxOf(id, attempt);
    await working(container);
    return container;
  }

  const takenOver = (id: string) => {
    const handle = installation().temporalClient.workflow.getHandle(`rollout/${id}`);
    const look = async () =>
      (await handle.describe()).raw.pendingActivities?.some(
        ({ attempt, lastWorkerIdentity }) => (attempt ?? 0) > 1 && lastWorkerIdentity?.startsWith(`${second.pid}@`),
      );
    return eventually(`the second worker to take ${id} over`, look, patience);
  };

  async function closed(id: string) {
    const look = async () => {
      const rollout = await installation().client.rollout(id);
      return rollout.closed_at !== null && rollout.attempts.every(({ ended_at: at }) => at !== null) && rollout;
    };
    return eventually(`${id} to be over`, look, patience);
  }

  /** Everything that stands of a rollout that is over. */
  async function recordOf(id: string) {
    const { db } = installation();
    const of = (table: 'attempts' | 'artifacts' | 'events' | 'eventStreams' | 'calls' | 'grants') =>
      db.selectFrom(table).selectAll().where('rolloutId', '=', id).execute();
    const tables = (['attempts', 'artifacts', 'events', 'eventStreams', 'calls', 'grants'] as const).map(of);
    return Promise.all([
      db.selectFrom('rollouts').selectAll().where('id', '=', id).execute(),
      db.selectFrom('logs').selectAll().where('id', 'like', `rollout/${id}/%`).execute(),
      db.selectFrom('logChunks').select(['logId', 'byteOffset']).where('logId', 'like', `rollout/${id}/%`).execute(),
      ...tables,
    ]);
  }

  /** What stands of an attempt alone. */
  async function attemptOf(id: string, attempt: number) {
    const { db } = installation();
    return Promise.all([
      db.selectFrom('attempts').selectAll().where('rolloutId', '=', id).where('attempt', '=', attempt).execute(),
      db.selectFrom('grants').selectAll().where('rolloutId', '=', id).where('attempt', '=', attempt).execute(),
      text(installation().client.rolloutLog(id, { attempt })),
    ]);
  }

  /** No attempt was let in before the one before it was kept out, and none is left. */
  async function expectOneTokenAtATime(id: string, attempts: number): Promise<void> {
    const grants = await installation()
      .db.selectFrom('grants')
      .selectAll()
      .where('rolloutId', '=', id)
      .orderBy('attempt')
      .execute();
    expect(grants).toHaveLength(attempts);
    const times = grants.flatMap(({ grantedAt, revokedAt }) => [grantedAt.getTime(), revokedAt?.getTime() ?? Infinity]);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times.at(-1)).toBeLessThan(Infinity);
  }

  beforeAll(async () => {
    await installation().start('interceptor');
    await installation().deploy('env', {
      // The agent's command takes as long as a worker is away: two minutes are its usual limit.
      Dockerfile:
        'FROM debian:bookworm-slim\nWORKDIR /app\nENV BASH_DEFAULT_TIMEOUT_MS=1200000 BASH_MAX_TIMEOUT_MS=1200000\n',
      'tasks/1/instruction.md': 'Do it.',
      'tasks/1/tests/test.sh': tests,
      'tasks/1/solution/model-script.json': JSON.stringify(script),
    });
  }, 300_000);

  beforeAll(async () => {
    first = await sleeper.start(installation());
    for (const id of rollouts) await start(id);
    const [followed, over, lost] = await Promise.all([atWork('followed', 1), atWork('over', 1), atWork('lost', 1)]);
    await sleeper.takeAway(first);
    second = await installation().start('worker');
    await Promise.all(rollouts.map(takenOver));

    await execIn(over, 'touch /app/go');
    await killContainer(lost);
    boxes = { followed, over, lost: await atWork('lost', 2) };
    ofLost = await attemptOf('lost', 1);
    await closed('over');
    ofOver = await recordOf('over');
    await eventually('both to follow', async () => (await followers(followed)) === 2, patience);
    await sleeper.giveBack(first);
  }, 300_000);

  describe(`a worker that was ${how}`, () => {
    test('lets go of an agent that another one follows meanwhile', { timeout: 180_000 }, async () => {
      await eventually('the first to let go', async () => (await followers(boxes.followed)) === 1, patience);
      await execIn(boxes.followed, 'touch /app/go');
      expect(await closed('followed')).toMatchObject(once);
      await expectOneTokenAtATime('followed', 1);
    });

    test('leaves the attempt alone that came after one whose sandbox was lost', { timeout: 180_000 }, async () => {
      expect(await followers(boxes.lost)).toBe(1);
      await execIn(boxes.lost, 'touch /app/go');
      // The first attempt paid for its first call, the second for both.
      const usage = { llm_calls: script.turns.length + 1 };
      expect(await closed('lost')).toMatchObject({ ...once, attempt: 2, usage });
      expect(await attemptOf('lost', 1)).toEqual(ofLost);
      await expectOneTokenAtATime('lost', 2);
      expect((await containersOf(installation().id)).filter((box) => box.includes('-lost-'))).toEqual([]);
    });

    test('changes nothing of a rollout that is over, and does what comes next', { timeout: 180_000 }, async () => {
      await installation().end(second, 'SIGTERM');
      await start('next');
      await execIn(await atWork('next', 1), 'touch /app/go');
      expect(await closed('next')).toMatchObject(once);
      await installation().end(first, 'SIGTERM');
      expect(await recordOf('over')).toEqual(ofOver);
      expect(await installation().client.rollout('over')).toMatchObject(once);
      await expectOneTokenAtATime('over', 1);
    });
  });
}
