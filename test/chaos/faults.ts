import { setTimeout as sleep } from 'node:timers/promises';
import { killContainer, runningContainersOf } from '../support/engine.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

/** Something that goes wrong, and is well again when it resolves. */
interface Fault {
  readonly name: string;
  /** Where two would be the same thing at once, the second one waits for another time. */
  readonly part: string;
  readonly happen: () => Promise<void>;
}

/** What happened: a line for people each. */
export interface Happening {
  /** Milliseconds since the first. */
  readonly at: number;
  readonly name: string;
  readonly seconds: number;
}

export interface Chaos {
  readonly happened: readonly Happening[];
  /** Names of sandboxes that were killed from outside. */
  readonly killed: ReadonlySet<string>;
  /** Ends when all that goes wrong is well again. */
  readonly over: Promise<void>;
}

/** Things that are wrong at once, at most. */
const atOnce = 3;
/** So often is looked for a sandbox to kill, a second apart. */
const looks = 10;

/**
 * Lets things go wrong at random until `signal` says that it is enough. A sandbox is killed only in its rollout's first attempt:
 * what is lost three times is lost for good, by the failure table.
 */
export function startChaos(world: World, random: Random, signal: AbortSignal): Chaos {
  const started = Date.now();
  const happened: Happening[] = [];
  const killed = new Set<string>();
  const wrong = new Map<string, Promise<void>>();

  const happen = async ({ name, part, happen: work }: Fault): Promise<void> => {
    const at = Date.now() - started;
    await work();
    happened.push({ at, name, seconds: (Date.now() - started - at) / 1000 });
    wrong.delete(part);
  };
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      await sleep(random.whole(200, 2000));
      const fault = nextFault(world, random, killed);
      if (signal.aborted || wrong.size >= atOnce || wrong.has(fault.part)) continue;
      const done = happen(fault);
      // One that fails is heard of at the end.
      done.catch(() => {});
      wrong.set(fault.part, done);
    }
    await Promise.all(wrong.values());
  };
  return { happened, killed, over: run() };
}

function nextFault(world: World, random: Random, killed: Set<string>): Fault {
  const { apis, workers, interceptors, engine, postgres } = world;
  const index = random.whole(0, 1);
  // Drawn whether or not the fault needs it, so that a seed gives the same faults whatever they meet.
  const ms = random.whole(200, 6000);
  const longMs = random.whole(4000, 30_000);
  const choice = random.whole(0, 1_000_000);
  const [api, worker, interceptor] = [apis[index], workers[index], interceptors[index]];
  if (!api || !worker || !interceptor) throw new Error('there are two of each');
  const faults: readonly (readonly [weight: number, Fault])[] = [
    [1, { name: `kill ${api.name}`, part: api.name, happen: () => api.restart('SIGKILL') }],
    [3, { name: `kill ${worker.name}`, part: worker.name, happen: () => worker.restart('SIGKILL') }],
    [1, { name: `end ${worker.name}`, part: worker.name, happen: () => worker.restart('SIGTERM') }],
    [3, { name: `freeze ${worker.name}`, part: worker.name, happen: () => worker.freeze(longMs) }],
    [2, { name: `kill ${interceptor.name}`, part: interceptor.name, happen: () => interceptor.restart('SIGKILL') }],
    [
      2,
      { name: `kill the stream of ${interceptor.name}`, part: interceptor.name, happen: () => world.killStream(index) },
    ],
    [1, { name: `freeze ${interceptor.name}`, part: interceptor.name, happen: () => interceptor.freeze(longMs) }],
    [
      1,
      {
        name: `freeze the stream of ${interceptor.name}`,
        part: interceptor.name,
        happen: () => world.freezeStream(index, longMs),
      },
    ],
    [1, { name: 'kill Temporal', part: 'Temporal', happen: () => world.restartTemporal(() => sleep(ms)) }],
    [1, { name: 'restart Postgres', part: 'Postgres', happen: () => restart(postgres, 'SIGINT', ms) }],
    [1, { name: 'crash Postgres', part: 'Postgres', happen: () => restart(postgres, 'SIGQUIT', ms) }],
    [
      2,
      {
        name: 'cut off the engine',
        part: 'engine',
        async happen() {
          await engine.cut();
          await sleep(ms);
          await engine.mend();
        },
      },
    ],
    [4, { name: 'kill a sandbox', part: `sandbox ${index}`, happen: () => killSandbox(world, choice, killed) }],
  ];
  return random.pick(faults.flatMap(([weight, fault]) => Array.from({ length: weight }, () => fault)));
}

async function restart(postgres: World['postgres'], signal: 'SIGINT' | 'SIGQUIT', awayMs: number): Promise<void> {
  await postgres.stop(signal);
  await sleep(awayMs);
  await postgres.start();
}

async function killSandbox(world: World, choice: number, killed: Set<string>): Promise<void> {
  for (let look = 0; look < looks; look += 1) {
    const names = await runningContainersOf(world.installation);
    const running = names.filter((name) => name.endsWith('-a1-agent') && !killed.has(name)).toSorted();
    const name = running[choice % running.length];
    if (name !== undefined) {
      // Before it is done: whether it was is for the engine to say.
      killed.add(name);
      await killContainer(name).catch(() => {});
      return;
    }
    await sleep(1000);
  }
}
