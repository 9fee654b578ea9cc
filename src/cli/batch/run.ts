import type { Command } from 'commander';
import type { NewBatch } from '../../sdk/client.ts';
import { apiCommand, type CliContext, clientFor, type ServerFlags, wholeNumber } from '../context.ts';
import { note, say, sayJson } from '../output.ts';

interface Flags extends ServerFlags {
  readonly model?: readonly string[];
  readonly agent?: string;
  readonly seeds?: NewBatch['seeds'];
  readonly samples: number;
  readonly concurrency: number;
  readonly timeout?: number;
  readonly usd?: number;
  readonly name?: string;
  readonly json: boolean;
}

export function register(group: Command, context: CliContext): void {
  apiCommand(group, 'run <deployment>')
    .description('start a batch; it runs in the server, whatever becomes of this command')
    .option('-m, --model <model...>', 'the model; several are run beside each other')
    .option('-a, --agent <agent>', 'the agent; else chosen by the model')
    .option('-s, --seeds <seeds>', 'as 1,2,5 or 1-100; else those of its tasks', readSeeds)
    .option('-n, --samples <n>', 'rollouts of each seed under each model', wholeNumber(1), 1)
    .option('-c, --concurrency <n>', 'rollouts that are open at once', wholeNumber(1), 8)
    .option('-t, --timeout <seconds>', 'for the agent of each rollout', wholeNumber(1))
    .option('--usd <dollars>', 'start no further rollout once so much was spent', Number)
    .option('--name <name>', 'what to call it')
    .option('--json', 'print JSON', false)
    .action((deployment: string, flags: Flags) => run(context, deployment, flags));
}

async function run(context: CliContext, deployment: string, flags: Flags): Promise<void> {
  const { model = [], agent, seeds, samples, concurrency, timeout, usd, name, json, ...server } = flags;
  const client = await clientFor(context, server);
  const named = agent === undefined ? {} : { agent };
  const policies = model.map((one) => ({ config: { ...named, model: one } }));
  const batch = await client.startBatch(deployment, {
    name,
    seeds,
    samples,
    concurrency,
    policies: policies.length > 0 ? policies : [{ config: named }],
    budget: { usd },
    limits: { timeout_s: timeout },
    // As `run` does: an agent needs its model, and nothing else unless the task says so.
    egress: { agent: 'interceptor-only' },
  });
  if (json) return sayJson(batch);
  say(batch.id);
  note(`${batch.planned} rollouts are planned. \`${context.prefix} batch show ${batch.id}\` tells how it goes.`);
}

/** `1,2,5` or `1-100`; anything else goes to the server as it is, which says what it wants. */
function readSeeds(text: string): NewBatch['seeds'] {
  const range = /^(-?\d+)-(-?\d+)$/.exec(text);
  return range ? { from: Number(range[1]), to: Number(range[2]) } : text.split(',').map(Number);
}
