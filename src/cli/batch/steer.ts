import type { Command } from 'commander';
import { apiCommand, type CliContext, clientFor, type ServerFlags, wholeNumber } from '../context.ts';
import { say } from '../output.ts';

const steps = {
  pause: 'start no further rollout for now; what runs goes on',
  resume: 'go on with a paused batch',
  cancel: 'end a batch and all of its rollouts that run',
} as const;

export function register(group: Command, context: CliContext): void {
  for (const step of ['pause', 'resume', 'cancel'] as const) {
    apiCommand(group, `${step} <id>`)
      .description(steps[step])
      .action(async (id: string, flags: ServerFlags) => {
        const { status } = await (await clientFor(context, flags)).steerBatch(id, step);
        say(`${id}  ${status}`);
      });
  }
  apiCommand(group, 'concurrency <id> <n>')
    .description('change how many rollouts of a batch are open at once; those that are open go on')
    .action(async (id: string, many: string, flags: ServerFlags) => {
      const { status, concurrency } = await (
        await clientFor(context, flags)
      ).setBatchConcurrency(id, wholeNumber(1)(many));
      say(`${id}  ${status}  ${concurrency} at once`);
    });
}
