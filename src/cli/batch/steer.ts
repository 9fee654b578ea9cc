import type { Command } from 'commander';
import { apiCommand, type CliContext, clientFor, type ServerFlags } from '../context.ts';
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
}
