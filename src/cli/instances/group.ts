import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { register as build } from './build.ts';
import { register as create } from './create.ts';
import { register as list } from './list.ts';

export function register(program: Command, context: CliContext): void {
  const group = program.command('instances').description('note the seeds of a deployment, and see how ready they are');
  for (const command of [create, build, list]) command(group, context);
}
