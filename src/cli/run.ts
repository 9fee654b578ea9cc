import { type Command, Option } from 'commander';
import { ulid } from 'ulid';
import { agentRegistry } from '../agents/registry.ts';
import type { Budget } from '../model/budget.ts';
import { egressModes, type EgressMode } from '../model/egress.ts';
import { invalid } from '../model/errors.ts';
import type { DeploymentResponse } from '../model/deployment-responses.ts';
import type { NewRollout } from '../sdk/client.ts';
import { apiCommand, type CliContext, clientFor, repeated, type ServerFlags, wholeNumber } from './context.ts';
import { dollars, policyIn } from './flag-values.ts';
import { counted } from './format.ts';
import { attended } from './attended.ts';
import { note, paint, paintError, say, sayJson } from './output.ts';
import { patience } from './patience.ts';
import { runJson } from './run-json.ts';
import { isScored, summaryOf } from './rollout-summary.ts';
import { type Policy, startRollouts, type TrackedRollout } from './tracked-rollouts.ts';

interface Flags extends ServerFlags {
  readonly seeds?: number;
  readonly seed?: readonly number[];
  readonly model?: string;
  readonly timeout?: number;
  readonly budgetUsd?: number;
  readonly budgetTokens?: number;
  readonly budgetCalls?: number;
  readonly agent?: string;
  readonly policy?: readonly Policy[];
  readonly concurrency: number;
  readonly egress?: EgressMode;
  readonly artifact?: readonly string[];
  readonly detach: boolean;
  readonly json: boolean;
}

/** The existing client's. */
const usualModel = 'gpt-4o-mini';

/** Seeds where neither flags nor the deployment's tasks say which; the existing client's number. */
const usualSeeds = 10;

export function register(program: Command, context: CliContext): void {
  apiCommand(program, 'run <deployment>')
    .description('run an agent in fresh sandboxes of a deployment, and score what it did')
    .option(
      '-s, --seeds <n>',
      "the first n of the deployment's tasks, or 0 to n-1 (default: all tasks, or 10)",
      wholeNumber(1),
    )
    .option('--seed <seed>', 'just this one (repeatable)', repeated(wholeNumber(Number.MIN_SAFE_INTEGER)))
    .option(
      '-m, --model <model>',
      `the model that the agent uses (default: the agent's, ${usualModel} if none is named)`,
    )
    .option('--agent <agent>', `${agentRegistry.names.join(', ')} (default: by the model)`)
    .addOption(
      new Option('--policy <agent:model>', 'instead of --agent and --model; repeated, all of them run and are compared')
        .argParser(repeated(policyIn))
        .conflicts('agent'),
    )
    .option('--timeout <seconds>', "for each agent (default: the deployment's, 300 if it names none)", wholeNumber(1))
    .option('--budget-usd <dollars>', 'that each agent may spend on LLM calls', dollars)
    .option('--budget-tokens <n>', 'that each agent may use, input and output', wholeNumber(1))
    .option('--budget-calls <n>', 'LLM calls that each agent may make', wholeNumber(1))
    .option('--concurrency <n>', 'how many are asked for at once', wholeNumber(1), 8)
    .addOption(new Option('--egress <mode>', egressHelp(context)).choices(egressModes))
    .option('--artifact <path>', 'keep this file or folder of the sandbox, too (repeatable)', repeated(String))
    .option('--detach', 'start them, print their ids, and return', false)
    .option('--json', 'print JSON', false)
    .addHelpText(
      'after',
      `\nExamples:\n  ${context.prefix} run my-project --seed 1 --seed 2\n  ${context.prefix} run my-project --model gpt-5-mini --json\n  ${context.prefix} run my-project --policy codex:gpt-5-mini --policy claude-code:claude-haiku-4-5`,
    )
    .action((deployment: string, flags: Flags) => run(context, deployment, flags));
}

async function run(context: CliContext, key: string, flags: Flags): Promise<void> {
  const client = await clientFor(context, flags);
  const deployment = await client.deployment(key);
  const comparison = (flags.policy?.length ?? 0) > 1 ? ulid() : undefined;
  const rollouts = seedsOf(deployment, flags).flatMap((seed) =>
    (flags.policy ?? [undefined]).map((policy): TrackedRollout => ({
      id: ulid(),
      seed,
      state: 'waiting',
      ...(policy && { policy }),
    })),
  );
  const job = {
    client,
    deployment: deployment.id,
    request: requests(context, flags, comparison),
    concurrency: flags.concurrency,
  };
  const who = flags.policy?.map(({ label }) => label).join(', ') ?? modelOf(flags);
  note(`Running ${counted(rollouts.length, 'rollout')} of ${paintError('bold', deployment.name)} with ${who}`);

  if (flags.detach) {
    const { signal } = new AbortController();
    await startRollouts(rollouts, { ...job, reconnect: patience(), onChange: () => undefined, signal });
  } else if ((await attended(context, rollouts, job)) === 'interrupted') {
    process.exitCode = 130;
  }
  if (flags.json) sayJson(runJson(key, rollouts));
  else if (flags.detach) showStarted(context, rollouts, comparison);
  else for (const line of summaryOf(rollouts, paint)) say(line);
  const missed = flags.detach ? rollouts.some(({ state }) => state === 'refused') : !rollouts.every(isScored);
  if (missed) process.exitCode ??= 1;
}

function seedsOf({ name, seeds }: DeploymentResponse, flags: Flags): readonly number[] {
  if (flags.seed) return [...new Set(flags.seed)];
  if (seeds.length === 0) return Array.from({ length: flags.seeds ?? usualSeeds }, (_, seed) => seed);
  if (flags.seeds !== undefined && flags.seeds > seeds.length) {
    throw invalid('seeds', `${name} has ${counted(seeds.length, 'task')}, not ${flags.seeds}`);
  }
  return seeds.slice(0, flags.seeds);
}

/** The existing client's request, with what its flags say and it does not send. */
function requests({ name }: CliContext, flags: Flags, comparison?: string): (rollout: TrackedRollout) => NewRollout {
  const { timeout, egress, artifact } = flags;
  const budget = budgetOf(flags);
  const agentEgress = egress ?? (name === 'harbor' ? 'interceptor-only' : undefined);
  return ({ seed, policy }) => {
    const { agent } = policy ?? flags;
    const model = modelOf(policy ? { ...policy, model: policy.model ?? flags.model } : flags);
    return {
      env: { seed, env_name: 'harbor' },
      policy: { config: { model, ...(agent !== undefined && { agent }) } },
      ...(comparison !== undefined && { comparison_id: comparison }),
      ...((timeout !== undefined || budget) && {
        limits: { ...(timeout !== undefined && { timeout_s: timeout }), ...(budget && { budget }) },
      }),
      ...(agentEgress !== undefined && { egress: { agent: agentEgress } }),
      ...(artifact !== undefined && { artifacts: [...artifact] }),
    };
  };
}

function budgetOf({ budgetUsd: usd, budgetTokens: tokens, budgetCalls: calls }: Flags): Budget | undefined {
  if (usd === undefined && tokens === undefined && calls === undefined) return undefined;
  return {
    ...(usd !== undefined && { usd }),
    ...(tokens !== undefined && { tokens }),
    ...(calls !== undefined && { calls }),
  };
}

function modelOf({ model, agent }: Pick<Flags, 'model' | 'agent'>): string {
  return model ?? (agent === undefined ? undefined : agentRegistry.byName(agent)?.defaultModel) ?? usualModel;
}

function egressHelp({ name }: CliContext): string {
  const usual = name === 'harbor' ? 'interceptor-only, the LLM and nothing else' : "the deployment's, else open";
  return `what the agent may reach (default: ${usual})`;
}

function showStarted({ prefix }: CliContext, rollouts: readonly TrackedRollout[], comparison?: string): void {
  for (const { id, seed, policy, state } of rollouts) {
    say(`seed ${seed}  ${policy ? `${policy.label}  ` : ''}${id}  ${state}`);
  }
  say(
    `\nTo see how they go: ${prefix} rollout list${comparison ? ` --comparison ${comparison}` : ''}; to end one: ${prefix} rollout cancel ID`,
  );
}
