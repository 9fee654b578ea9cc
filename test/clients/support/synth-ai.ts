import { spawn } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { once } from 'node:events';
import { afterAll, beforeAll } from 'vitest';
import type { z } from 'zod';
import { parseJson } from '../../../src/model/json.ts';
import { pythonWith } from '../../support/python.ts';
import { useServer } from '../../support/running.ts';
import type { TestServer } from '../../support/server.ts';

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** The existing client as it comes from PyPI, in a folder with a Dockerfile, told of a real server by its own variables. */
export interface SynthAi {
  readonly server: () => TestServer;
  /** `synth-ai harbor …` */
  readonly harbor: (...args: string[]) => Promise<Ran>;
  /** What a program of the SDK's users hands to `answer`; `logged` is what its HTTP library wrote of its requests. */
  readonly sdk: <T>(program: string, schema: z.ZodType<T>) => Promise<{ readonly answer: T; readonly logged: string }>;
}

/** The last release that has both `synth-ai harbor` and `synth_ai.sdk.harbor`. */
const synthAi = 'synth-ai==0.9.11';

/** Sleeps a hundredth of a second for each of its seed, and has the number 13 fail. */
const runRollout = `#!/bin/sh
sleep $((HARBOR_SEED / 100))
[ "$HARBOR_SEED" != 13 ] || exit 3
echo '{"metrics": {"reward_mean": 0.5, "details": {"tests_passed": 3}}, "success": true}' > /tmp/result.json
`;

const prelude = `
import asyncio, json, logging, os
logging.basicConfig(level=logging.INFO, format="%(message)s")
from synth_ai.sdk.harbor import *

def answer(value):
    print(json.dumps(value))
`;

export function useSynthAi(): SynthAi {
  // One place, so that a test can take it.
  const server = useServer({ HARBOR_MAX_RUNNING: '1' });
  let python = '';
  let folder = '';
  beforeAll(async () => {
    python = await pythonWith([synthAi]);
    folder = await mkdtemp(join(tmpdir(), 'harbor-synth-ai-'));
    await writeFile(join(folder, 'run_rollout'), runRollout);
    await chmod(join(folder, 'run_rollout'), 0o755);
    await writeFile(
      join(folder, 'Dockerfile'),
      'FROM debian:bookworm-slim\nCOPY run_rollout /usr/local/bin/\nWORKDIR /work\n',
    );
    await writeFile(join(folder, 'Broken'), 'FROM debian:bookworm-slim\nRUN exit 7\n');
  }, 900_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const run = async (program: string, args: readonly string[]): Promise<Ran> => {
    const { url, apiKey } = server();
    const child = spawn(program, args, {
      cwd: folder,
      // A base address with a slash at its end, which the client does not take off.
      env: { PATH: process.env['PATH'], HOME: folder, SYNTH_BACKEND_URL: `${url}/`, SYNTH_API_KEY: apiKey },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    return { code: child.exitCode, out, err };
  };

  return {
    server,
    harbor: (...args) => run(join(dirname(python), 'synth-ai'), ['harbor', ...args]),
    async sdk(program, schema) {
      const { code, out, err } = await run(python, ['-c', `${prelude}\n${program}`]);
      if (code !== 0) throw new Error(err);
      return { answer: parseJson(out, schema), logged: err };
    },
  };
}
