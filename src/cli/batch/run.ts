import { type Command, Option } from 'commander';
import type { BatchResponse } from '../../model/batch-responses.ts';
import type { NewBatch } from '../../sdk/client.ts';
import { apiCommand, type CliContext, clientFor, repeated, type ServerFlags, wholeNumber } from '../context.ts';
import { dollars, policyIn } from '../flag-values.ts';
import { counted } from '../format.ts';
import { note, paintError, say, sayJson } from '../output.ts';
import { doneOnce } from '../patience.ts';
import type { Policy } from '../tracked-rollouts.ts';
import { followBatch } from './follow.ts';

interface Flags extends ServerFlags {
  readonly model?: readonly string[];
  readonly agent?: string;
  readonly policy?: readonly Policy[];
  readonly seeds?: NewBatch['seeds'];
  readonly samples: number;
  readonly concurrency: number;
  readonly timeout?: number;
  readonly usd?: number;
  readonly name?: string;
  readonly detach: boolean;
  readonly json: boolean;
}

export function register(group: Command, context: CliContext): void {
  apiCommand(group, 'run <deployment>')
    .description('start a batch and see how it goes; it runs in the server, whatever becomes of this command')
    .option('-m, --model <model...>', 'the model; several are run beside each other')
    .option('-a, --agent <agent>', 'the agent; else chosen by the model')
    .addOption(
      new Option('--policy <agent:model>', 'instead of --agent and --model; repeated, all of them are run')
        .argParser(repeated(policyIn))
        .conflicts(['agent', 'model']),
    )
    .option('-s, --seeds <seeds>', 'as 1,2,5 or 1-100; else those of its tasks', readSeeds)
    .option('-n, --samples <n>', 'rollouts of each seed under each model', wholeNumber(1), 1)
    .option('-c, --concurrency <n>', 'rollouts that are open at once', wholeNumber(1), 8)
    .option('-t, --timeout <seconds>', 'for the agent of each rollout', wholeNumber(1))
    .option('--usd <dollars>', 'start no further rollout once so much was spent', dollars)
    .option('--name <name>', 'what to call it')
    .option('--detach', 'start it, print its id, and return', false)
    .option('--json', 'print each event as a line of JSON; with --detach the batch', false)
    .action((deployment: string, flags: Flags) => run(context, deployment, flags));
}

async function run(context: CliContext, deployment: string, flags: Flags): Promise<void> {
  const { seeds, samples, concurrency, timeout, usd, name, detach, json } = flags;
  const client = await clientFor(context, flags);
  const request: NewBatch = {
    name,
    seeds,
    samples,
    concurrency,
    policies: policiesOf(flags),
    budget: { usd },
    limits: { timeout_s: timeout },
    // As `run` does: an agent needs its model, and nothing else unless the task says so.
    egress: { agent: 'interceptor-only' },
  };
  const batch = await doneOnce((repeatKey) => client.startBatch(deployment, request, repeatKey));
  if (detach) return showStarted(context, batch, json);
  note(`Batch ${paintError('bold', batch.id)}: ${counted(batch.planned, 'rollout')} of ${batch.deployment_name}`);
  process.exitCode = await followBatch(context, client, batch.id, { json });
}

function policiesOf({ policy, model = [], agent }: Flags): NonNullable<NewBatch['policies']> {
  const named = (one: Pick<Policy, 'agent' | 'model'>) => ({
    config: {
      ...(one.agent !== undefined && { agent: one.agent }),
      ...(one.model !== undefined && { model: one.model }),
    },
  });
  if (policy) return policy.map(named);
  const chosen = agent === undefined ? {} : { agent };
  return model.length > 0 ? model.map((one) => named({ ...chosen, model: one })) : [named(chosen)];
}

function showStarted({ prefix }: CliContext, batch: BatchResponse, json: boolean): void {
  if (json) return sayJson(batch);
  say(batch.id);
  note(`${counted(batch.planned, 'rollout')} planned. \`${prefix} batch watch ${batch.id}\` shows how it goes.`);
}

/** `1,2,5` or `1-100`; anything else goes to the server as it is, which says what it wants. */
function readSeeds(text: string): NewBatch['seeds'] {
  const range = /^(-?\d+)-(-?\d+)$/.exec(text);
  return range ? { from: Number(range[1]), to: Number(range[2]) } : text.split(',').map(Number);
}
