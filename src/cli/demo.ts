import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Command, Option } from 'commander';
import { ulid } from 'ulid';
import { agentRegistry } from '../agents/registry.ts';
import { homePath } from '../embedded/home.ts';
import { HarborClient } from '../sdk/client.ts';
import { packContext } from '../sdk/pack-context.ts';
import { cancelAll, trackShown } from './attended.ts';
import { type CliContext, keyIn, localUrl, wholeNumber } from './context.ts';
import { demoJson } from './demo-json.ts';
import { type DemoServer, openDemoServer } from './demo-server.ts';
import { counted, duration } from './format.ts';
import { interrupts, isAbort } from './interrupts.ts';
import { note, noteBytes, paint, paintError, say, sayJson } from './output.ts';
import { patience } from './patience.ts';
import { isScored, summaryOf } from './rollout-summary.ts';
import { sendDeployment } from './send-deployment.ts';
import { facts } from './table.ts';
import { type TrackedRollout, untilTidy } from './tracked-rollouts.ts';
import { failedBuild, usualBuildSeconds, waitUntilBuilt } from './wait-until-built.ts';

interface Flags {
  readonly agent: string;
  readonly model: string;
  readonly concurrency: number;
  readonly json: boolean;
}

const example = fileURLToPath(new URL('../../examples/fix-the-bugs', import.meta.url));
const program = fileURLToPath(new URL('../../bin/harbor', import.meta.url));
const deploymentName = 'demo-fix-the-bugs';
const seeds = [1, 2, 3];
/** Seconds for the last sandboxes to go before the server does. */
const tidySeconds = 30;

export function register(parent: Command, context: CliContext): void {
  parent
    .command('demo')
    .description('watch an agent work on three tasks in real sandboxes; starts a server for it if none runs')
    .addOption(new Option('--agent <agent>', 'who works').choices(agentRegistry.names).default('codex'))
    .option('-m, --model <model>', "with which model (default: the agent's); scripted unless the server has an LLM key")
    .option('--concurrency <n>', 'how many at once', wholeNumber(1), seeds.length)
    .option('--json', 'print JSON', false)
    .action((flags: Omit<Flags, 'model'> & { readonly model?: string }) => {
      const model = flags.model ?? agentRegistry.byName(flags.agent)?.defaultModel ?? '';
      return demo(context, { ...flags, model });
    });
}

async function demo(context: CliContext, flags: Flags): Promise<void> {
  // Killed by whatever of these, it still ends the server that it started.
  using stops = interrupts(['SIGINT', 'SIGTERM', 'SIGHUP']);
  const stop = stops.next();
  try {
    const rollouts = seeds.map((seed): TrackedRollout => ({ id: ulid(), seed, state: 'waiting' }));
    heading('Setting up');
    const tell = (line: string) => note(`  ${line}`);
    const started = performance.now();
    await using server = await openDemoServer({ env: context.env, program, tell, signal: stop });
    note(`  A server ${server.isOwn ? 'was started' : 'runs'} at ${server.info.url}${since(started)}`);
    const client = new HarborClient({
      url: localUrl(homePath(context.env), server.info.url),
      apiKey: await keyIn(server.info.apiKeyFile),
    });
    const signal = AbortSignal.any([stop, server.lost]);
    const deployment = await deploy(client, signal);

    heading(`${counted(seeds.length, 'task')}, ${flags.agent} with ${flags.model}, each in a fresh sandbox`);
    const job = { client, deployment, request: requests(flags), concurrency: flags.concurrency };
    await trackShown(rollouts, job, signal);
    if (stop.aborted) await cancelAll(rollouts, job, stops.next());
    else signal.throwIfAborted();

    if (flags.json) sayJson(demoJson(rollouts));
    else report(context, server, rollouts, !stop.aborted);
    if (!rollouts.every(isScored)) process.exitCode = 1;
    if (server.isOwn) await tidyUp(client, rollouts);
  } catch (error) {
    if (!stop.aborted || !isAbort(error)) throw error;
  }
  if (stop.aborted) process.exitCode = 130;
}

/** The example as a deployment. Its content is mostly known already: then nothing is built. */
async function deploy(client: HarborClient, signal: AbortSignal): Promise<string> {
  const started = performance.now();
  const reconnect = patience(signal);
  await using packed = await packContext(example, signal);
  const { id } = await reconnect(() =>
    sendDeployment(client, { name: deploymentName, dockerfile: null }, packed, true),
  );
  const state = await waitUntilBuilt(client, id, {
    reconnect,
    timeoutSeconds: usualBuildSeconds,
    onLog: noteBytes,
    signal,
  });
  if (state.status === 'failed') throw failedBuild(state);
  const how = state.builds[0]?.cached ? 'known already, nothing to build' : 'built';
  note(`  Its Dockerfile is a snapshot now (${how})${since(started)}`);
  return id;
}

/** Before the server goes, so that nothing is left behind. What takes too long is removed by its next start. */
async function tidyUp(client: HarborClient, rollouts: readonly TrackedRollout[]): Promise<void> {
  note('\nEnding the server that was started for this…');
  const late = AbortSignal.timeout(tidySeconds * 1000);
  try {
    await untilTidy(rollouts, client, late);
  } catch (error) {
    if (!late.aborted) throw error;
    note('  A sandbox is still there; the next start of the server removes it.');
  }
}

function requests({ agent, model }: Flags) {
  return ({ seed }: TrackedRollout) => ({
    env: { seed, env_name: 'harbor' },
    policy: { config: { agent, model } },
    egress: { agent: 'interceptor-only' as const },
  });
}

function report(context: CliContext, server: DemoServer, rollouts: readonly TrackedRollout[], advise: boolean): void {
  heading('What came out');
  for (const line of summaryOf(rollouts, paint)) say(line);
  if (rollouts.some(({ latest }) => latest?.trace?.calls.some(({ upstream }) => upstream === 'scripted'))) {
    say('The model was scripted, since the server has no LLM key: its tokens are estimates, and nothing was billed.');
  }
  if (!advise) return;
  const least = rollouts.find(({ latest }) => latest?.reward_info.outcome_reward === 0) ?? rollouts.at(-1);
  const harbor = commandFor(context);
  heading('Look into it');
  const next: [string, string][] = [];
  if (server.isOwn) next.push(['start the server again, in another terminal', `${harbor} up`]);
  if (server.info.temporalUi) next.push(['every rollout as a Temporal workflow', server.info.temporalUi]);
  if (least) {
    next.push([`what was said and done for seed ${least.seed}`, `${harbor} rollout trace ${least.id}`]);
    if (isScored(least)) next.push(['what its tests say to that', `${harbor} rollout logs --tests ${least.id}`]);
  }
  for (const line of facts(next, paint)) say(line);
}

/** How the reader of this can call Harbor from where they are. */
function commandFor({ env }: CliContext): string {
  const path = relative('', program);
  const command = path.startsWith('..') ? program : path;
  return env['HARBOR_HOME'] ? `HARBOR_HOME=${env['HARBOR_HOME']} ${command}` : command;
}

function heading(text: string): void {
  note(`\n${paintError('bold', text)}`);
}

function since(started: number): string {
  return ` (${duration((performance.now() - started) / 1000)})`;
}
