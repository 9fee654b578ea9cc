/**
 * Batches of rollouts while everything is killed, frozen and cut off, for a time, and an audit of each:
 * `npm run chaos -- --minutes 30 --seed 7`. Ends with 1 where something does not add up.
 */
import { parseArgs } from 'node:util';
import { deployChaos, runChaos } from './run.ts';
import { World } from './world.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string' },
    rollouts: { type: 'string', default: '200' },
  },
});
const say = (line: string) => process.stderr.write(`${line}\n`);
const rollouts = Number(values.rollouts);
const until = Date.now() + Number(values.minutes) * 60_000;
let seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
let isClean = true;

await using world = await World.start();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    say('ending everything that was started');
    void world[Symbol.asyncDispose]().finally(() => process.exit(130));
  });
}
await deployChaos(world, rollouts);
while (isClean && Date.now() < until) {
  say(`seed ${seed}: ${rollouts} rollouts`);
  const chaosSeconds = (until - Date.now()) / 1000;
  const {
    happened,
    books: _books,
    expected: _expected,
    ...report
  } = await runChaos(world, { seed, rollouts, chaosSeconds, say });
  const kinds = Object.groupBy(happened, ({ name }) => name.replace(/ \(.*\)$/, ''));
  const faults = Object.fromEntries(Object.entries(kinds).map(([kind, all = []]) => [kind, all.length]));
  process.stdout.write(`${JSON.stringify({ ...report, faults }, null, 2)}\n`);
  isClean = report.wrong.length === 0;
  if (!isClean) say(world.errors());
  seed += 1;
}
process.exitCode = isClean ? 0 : 1;
