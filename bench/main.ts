/**
 * Measurements, each beside a floor that is measured in the same run: `npm run bench -- rollouts --n 48 --c 8 --json`.
 * Ratios hold on a busy machine, absolute figures do not.
 */
import { parseArgs } from 'node:util';
import { benchBatch } from './batch.ts';
import { benchInterceptor } from './interceptor.ts';
import { benchRollouts } from './rollouts.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    n: { type: 'string' },
    c: { type: 'string' },
    rounds: { type: 'string', default: '6' },
    streams: { type: 'string', default: '1000' },
    json: { type: 'boolean', default: false },
  },
});

const say = (text: string) => process.stderr.write(`${text}\n`);
const benches: Readonly<Record<string, () => Promise<object>>> = {
  rollouts: () => benchRollouts({ rollouts: Number(values.n ?? 48), concurrency: Number(values.c ?? 8), say }),
  batch: () => benchBatch({ rollouts: Number(values.n ?? 10_000), concurrency: Number(values.c ?? 64), say }),
  interceptor: () => benchInterceptor({ rounds: Number(values.rounds), streams: Number(values.streams), say }),
};

const bench = benches[positionals[0] ?? ''];
if (!bench) {
  process.stderr.write(
    'usage: npm run bench -- rollouts [--n 48] [--c 8] [--json]\n' +
      '       npm run bench -- batch [--n 10000] [--c 64] [--json]\n' +
      '       npm run bench -- interceptor [--rounds 6] [--streams 1000] [--json]\n',
  );
  process.exit(2);
}
const report = await bench();
process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : `${JSON.stringify(report, null, 2)}\n`);
