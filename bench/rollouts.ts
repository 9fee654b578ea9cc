import { rm } from 'node:fs/promises';
import { agentHome, bookkeeping, outbox } from '../src/activities/sandbox-layout.ts';
import { entrypoint as ownEntrypoint } from '../src/agents/entrypoint.ts';
import { parseJson } from '../src/model/json.ts';
import { type RolloutResponse, rolloutSchema } from '../src/model/responses.ts';
import { removeEverything } from '../test/support/engine.ts';
import { deploy } from '../test/support/project.ts';
import { makeHome, startServer, type TestServer } from '../test/support/server.ts';
import { bareEngine, type BareEngine } from './bare-engine.ts';
import { cpuPerRollout, cpuTimes } from './cpu.ts';
import { inParallel, percentile, round, timed } from './figures.ts';

export interface RolloutBenchOptions {
  /** Rollouts in all, at `concurrency` at a time. */
  readonly rollouts: number;
  readonly concurrency: number;
  readonly say: (text: string) => void;
}

/** Blocks that alternate between Harbor and its floors, so that a machine's moods hit all alike. */
const rounds = 4;
/** Rollouts one at a time, for the overhead of a single one. */
const alone = 12;

const entrypoint = '/app/run.sh';
const script = `#!/bin/sh\necho '{"metrics":{"reward_mean":1}}' > /tmp/result.json\n`;

/**
 * Rollouts of an agent that does nothing, through the synchronous route of a real `harbor up`, against the same engine
 * calls made bare and against the plainest use of an engine.
 */
export async function benchRollouts({ rollouts, concurrency, say }: RolloutBenchOptions): Promise<object> {
  say('starting harbor up');
  const server = await startServer(await makeHome(), { HARBOR_MAX_RUNNING: String(Math.max(8, concurrency)) });
  try {
    const { snapshot_id: snapshot } = await deploy(
      server,
      { name: 'trivial', dockerfile: 'FROM debian:bookworm-slim\nWORKDIR /app\nCOPY . .\n', entrypoint },
      { 'run.sh': script },
    );
    const bare = bareEngine({ installation: server.installation.id, snapshot: snapshot ?? '', ...agentOf(), outbox });
    await Promise.all(Array.from({ length: concurrency }, (_, index) => rollOut(server, `warm-${index}`)));
    await bare.sameCalls('harbor-bench-warm');
    return await measure(server, bare, { rollouts, concurrency, say });
  } finally {
    await server.kill('SIGTERM');
    await removeEverything(server.installation.id);
    await rm(server.home, { recursive: true, force: true });
  }
}

/** What Harbor puts into the sandbox for this agent, and runs there. */
function agentOf(): Pick<Parameters<typeof bareEngine>[0], 'files' | 'argv'> {
  const { argv, files } = ownEntrypoint.prepare({
    rolloutId: 'bench',
    attempt: 1,
    traceCorrelationId: 'bench',
    seed: 1,
    instruction: null,
    model: null,
    settings: {},
    interceptorUrl: 'http://127.0.0.1:1',
    token: 'none',
    timeoutSeconds: 300,
    entrypoint: { command: entrypoint, mode: 'file' },
    request: {},
    home: agentHome,
  });
  return {
    argv: ['sh', '-c', bookkeeping, 'sh', ...argv],
    files: [{ path: `${agentHome}/`, content: '', mode: 0o1777 }, ...files],
  };
}

interface Sample {
  readonly wallSeconds: number;
  readonly rollout: RolloutResponse;
}

async function rollOut({ url, apiKey }: TestServer, id: string): Promise<Sample> {
  let rollout: RolloutResponse | undefined;
  const wallSeconds = await timed(async () => {
    const response = await fetch(`${url}/api/harbor/deployments/trivial/rollout`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}` },
      body: JSON.stringify({ rollout_id: id, env: { seed: 1 } }),
    });
    if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
    rollout = parseJson(await response.text(), rolloutSchema);
  });
  if (!rollout) throw new Error('no rollout');
  return { wallSeconds, rollout };
}

async function measure(
  server: TestServer,
  bare: BareEngine,
  { rollouts, concurrency, say }: RolloutBenchOptions,
): Promise<object> {
  const samples: Sample[] = [];
  const seconds = { harbor: 0, same: 0, plain: 0 };
  const cpu: ReturnType<typeof cpuPerRollout>[] = [];
  const perRound = Math.max(concurrency, Math.ceil(rollouts / rounds));
  for (let at = 0; at < rounds; at += 1) {
    say(
      `round ${at + 1} of ${rounds}: ${perRound} each of rollouts, same calls, plain calls; ${concurrency} at a time`,
    );
    const name = (index: number) => `bench-${at}-${index}`;
    const before = await cpuTimes(server.pid);
    seconds.harbor += await timed(() =>
      inParallel(perRound, concurrency, async (index) => samples.push(await rollOut(server, name(index)))),
    );
    cpu.push(cpuPerRollout(before, await cpuTimes(server.pid), perRound));
    seconds.same += await timed(() =>
      inParallel(perRound, concurrency, (index) => bare.sameCalls(`harbor-same-${name(index)}`)),
    );
    seconds.plain += await timed(() =>
      inParallel(perRound, concurrency, (index) => bare.plainCalls(`harbor-plain-${name(index)}`)),
    );
  }
  say(`${alone} rollouts one at a time`);
  const single: Sample[] = [];
  const singleBare: number[] = [];
  for (let at = 0; at < alone; at += 1) {
    single.push(await rollOut(server, `alone-${at}`));
    singleBare.push(await timed(() => bare.sameCalls(`harbor-alone-${at}`)));
  }
  const count = perRound * rounds;
  return {
    rollouts: count,
    concurrency,
    rolloutsPerSecond: round(count / seconds.harbor),
    /** Harbor's rate over that of the same engine calls made bare, and over that of create + start + 2 exec + remove. */
    callsRatio: round(seconds.same / seconds.harbor),
    engineRatio: round(seconds.plain / seconds.harbor),
    sameCallsPerSecond: round(count / seconds.same),
    plainCallsPerSecond: round(count / seconds.plain),
    /** Milliseconds of CPU per rollout, the median round: what bounds the rate on a machine whose cores are all busy. */
    cpuMilliseconds: {
      harborUp: percentile(
        cpu.map((one) => one.harborUp),
        0.5,
      ),
      temporal: percentile(
        cpu.map((one) => one.temporal),
        0.5,
      ),
      interceptor: percentile(
        cpu.map((one) => one.interceptor),
        0.5,
      ),
      engine: percentile(
        cpu.map((one) => one.engine),
        0.5,
      ),
    },
    phases: phasesOf(samples),
    /** One at a time. The agent takes milliseconds and there are no tests: all of the time is overhead. */
    alone: {
      overheadSeconds: spread(single.map(({ wallSeconds }) => wallSeconds)),
      sameCallsSeconds: spread(singleBare),
      phases: phasesOf(single),
    },
  };
}

function phasesOf(samples: readonly Sample[]): object {
  const phase = (name: keyof RolloutResponse['timings']) =>
    spread(samples.flatMap(({ rollout }) => rollout.timings[name] ?? []));
  return {
    queued: phase('queued_s'),
    provision: phase('provision_s'),
    agent: phase('agent_s'),
    evaluate: phase('evaluate_s'),
    answer: spread(samples.map(({ wallSeconds }) => wallSeconds)),
  };
}

function spread(values: readonly number[]): { readonly p50: number; readonly p95: number } {
  return { p50: round(percentile(values, 0.5)), p95: round(percentile(values, 0.95)) };
}
