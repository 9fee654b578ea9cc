import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll } from 'vitest';
import { z } from 'zod';
import { parseJson } from '../../../src/model/json.ts';
import { containersOf } from '../../support/engine.ts';
import { eventually } from '../../support/project.ts';
import { useServer } from '../../support/running.ts';
import { environment, harborProgram, type TestServer } from '../../support/server.ts';

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** A command that runs. */
interface Running {
  readonly child: ChildProcess;
  readonly done: Promise<Ran>;
  /** What it has written on stderr so far. */
  readonly err: () => string;
}

/** The real programs against a real server, in a folder with a Dockerfile, which is the deployment `tool` there. */
export interface Cli {
  readonly server: () => TestServer;
  readonly folder: () => string;
  readonly begin: (
    name: 'harbor' | 'synth',
    args: readonly string[],
    env?: Readonly<Record<string, string>>,
  ) => Running;
  readonly harbor: (...args: string[]) => Promise<Ran>;
  readonly synth: (...args: string[]) => Promise<Ran>;
}

/** Seeds from 100 on take so many hundredths of a second; 13 ends without a result. */
const runRollout = `#!/bin/sh
echo "working on seed $HARBOR_SEED"
sleep $((HARBOR_SEED / 100))
[ "$HARBOR_SEED" != 13 ] || exit 3
echo '{"metrics": {"reward_mean": 0.5}}' > /tmp/result.json
`;

export function useCli(): Cli {
  const server = useServer();
  let folder = '';

  const begin: Cli['begin'] = (name, args, env = {}) => {
    const program = harborProgram.replace(/harbor$/, name);
    const child = spawn(program, args, {
      cwd: folder,
      env: environment(server().home, env),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let err = '';
    child.stderr.setEncoding('utf8').on('data', (piece: string) => {
      err += piece;
    });
    const ended = Promise.all([text(child.stdout), once(child, 'close')]);
    return { child, done: ended.then(([out]) => ({ code: child.exitCode, out, err })), err: () => err };
  };
  const cli: Cli = {
    server,
    folder: () => folder,
    begin,
    harbor: (...args) => begin('harbor', args).done,
    synth: (...args) => begin('synth', args).done,
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'harbor-cli-'));
    await writeFile(join(folder, 'run_rollout'), runRollout);
    await chmod(join(folder, 'run_rollout'), 0o755);
    const dockerfile = 'FROM debian:bookworm-slim\nCOPY run_rollout /usr/local/bin/\nWORKDIR /work\n';
    await writeFile(join(folder, 'Dockerfile'), dockerfile);
    await writeFile(join(folder, 'Broken'), 'FROM debian:bookworm-slim\nRUN echo nearly there && exit 7\n');
    const { code, err } = await cli.harbor('upload', 'tool', '--wait');
    if (code !== 0) throw new Error(err);
  });
  afterAll(async () => {
    // Before the server ends: results are told before their sandboxes are gone.
    await eventually('no sandbox to be left', async () => {
      return (await containersOf(server().installation.id)).length === 0;
    });
    await rm(folder, { recursive: true, force: true });
  });
  return cli;
}

const runSchema = z.object({
  total: z.number(),
  successful: z.number(),
  failed: z.number(),
  mean_reward: z.number().nullable(),
  results: z.array(z.looseObject({ seed: z.number(), success: z.boolean(), id: z.string() })),
});

/** What `run --json` printed. */
export function readRun({ out }: Ran) {
  return parseJson(out, runSchema);
}

/** Of the one rollout that was started with `--detach`. */
export function idIn({ out }: Ran): string {
  return /^seed \d+ {2}(\S+) {2}queued$/m.exec(out)?.[1] ?? '';
}
