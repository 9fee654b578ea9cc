import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { register as artifacts } from './artifacts.ts';
import { register as cancel } from './cancel.ts';
import { register as list } from './list.ts';
import { register as logs } from './logs.ts';
import { register as show } from './show.ts';
import { register as trace } from './trace.ts';
import { register as trajectory } from './trajectory.ts';
import { register as watch } from './watch.ts';

export function register(program: Command, context: CliContext): void {
  const group = program.command('rollout').description('look into rollouts: what they did, said, cost and left');
  for (const command of [list, show, watch, logs, trace, trajectory, artifacts, cancel]) command(group, context);
}
