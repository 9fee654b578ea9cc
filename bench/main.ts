/**
 * Measurements, each beside a floor that is measured in the same run: `npm run bench -- rollouts --n 48 --c 8 --json`.
 * Ratios hold on a busy machine, absolute figures do not.
 */
import { parseArgs } from 'node:util';
import { benchRollouts } from './rollouts.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    n: { type: 'string', default: '48' },
    c: { type: 'string', default: '8' },
    json: { type: 'boolean', default: false },
  },
});

const [name] = positionals;
if (name !== 'rollouts') {
  process.stderr.write('usage: npm run bench -- rollouts [--n 48] [--c 8] [--json]\n');
  process.exit(2);
}
const report = await benchRollouts({
  rollouts: Number(values.n),
  concurrency: Number(values.c),
  say: (text) => process.stderr.write(`${text}\n`),
});
process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : `${JSON.stringify(report, null, 2)}\n`);
