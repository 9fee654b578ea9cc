import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { register as exportResults } from './export.ts';
import { register as ledger } from './ledger.ts';
import { register as list } from './list.ts';
import { register as retry } from './retry.ts';
import { register as run } from './run.ts';
import { register as show } from './show.ts';
import { register as steer } from './steer.ts';
import { register as watch } from './watch.ts';

export function register(program: Command, context: CliContext): void {
  const group = program.command('batch').description('run many rollouts of a deployment, and see what they come to');
  for (const command of [run, watch, list, show, steer, retry, exportResults, ledger]) command(group, context);
}
