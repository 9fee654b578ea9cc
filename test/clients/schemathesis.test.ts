import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { parseJson } from '../../src/model/json.ts';
import { file, tarGz } from '../api/intake/archives.ts';
import { useApi } from '../support/api.ts';
import { pythonWith } from '../support/python.ts';
import { type Examples, makeExamples } from './support/examples.ts';
import { moveOn } from './support/moving-world.ts';

const api = useApi();
const hooks = fileURLToPath(new URL('support/schemathesis-hooks.py', import.meta.url));

/** To repeat a run: HARBOR_FUZZ_SEED. To look further than every run can: HARBOR_FUZZ_SECONDS. */
const seed = process.env['HARBOR_FUZZ_SEED'] ?? String(Math.floor(Math.random() * 2 ** 31));
const seconds = process.env['HARBOR_FUZZ_SECONDS'] ?? '100';
const timeout = Number(seconds) * 1000 + 120_000;

/** What an upload may hold. */
const content = {
  dockerfile: 'FROM debian:bookworm-slim\n',
  context_tar_base64: tarGz([file('a.txt', 'a')]).toString('base64'),
};

let python = '';
beforeAll(async () => {
  python = await pythonWith(['schemathesis==4.32.5']);
}, 900_000);

test(`nothing that can be sent makes an answer that is not described (seed ${seed})`, { timeout }, async () => {
  const examples = await describedExamples();
  await makeExamples(api(), examples);
  const done = new AbortController();
  const moving = moveOn(api().store, examples.key, done.signal);
  const said = await schemathesis({ ...examples, ...content });
  done.abort();
  await moving;
  expect(said).toContain('No issues found');
  expect(api().logged).toEqual([]);
});

/** The examples of path parameters in the description that is served. */
async function describedExamples(): Promise<Examples> {
  const parameter = z.looseObject({ name: z.string(), in: z.string(), example: z.string().optional() });
  const operation = z.looseObject({ parameters: z.array(parameter) });
  const document = z.looseObject({ paths: z.record(z.string(), z.record(z.string(), operation)) });
  const { paths } = parseJson((await api().ask('/openapi.json')).text, document);
  const parameters = Object.values(paths).flatMap((path) => Object.values(path).flatMap((one) => one.parameters));
  const inPaths = parameters.filter((one) => one.in === 'path').map(({ name, example }) => [name, example]);
  const [key, build, id, call, name] = [z.string(), z.string(), z.string(), z.string(), z.string()];
  return z.looseObject({ key, build, id, call, name }).parse(Object.fromEntries(inPaths));
}

/** Runs it against the API and returns its report. */
async function schemathesis(examples: object): Promise<string> {
  const args = [
    'run',
    `${api().url}/openapi.json`,
    `--header=Authorization: Bearer ${api().key}`,
    `--seed=${seed}`,
    `--max-time=${seconds}`,
    '--request-timeout=20',
    // A request that fits its schema may still be refused: for a deployment that is not ready, a model that nobody runs.
    '--exclude-checks=positive_data_acceptance',
    // Waits for a worker, which this API has none of.
    '--exclude-path=/api/harbor/gc',
    '--continue-on-failure',
    '--suppress-health-check=all',
    '--warnings=off',
    '--generation-database=none',
    '--no-color',
  ];
  // It leaves notes where it runs.
  const folder = await mkdtemp(join(tmpdir(), 'harbor-schemathesis-'));
  const child = spawn(join(dirname(python), 'schemathesis'), args, {
    cwd: folder,
    env: { ...process.env, SCHEMATHESIS_HOOKS: hooks, HARBOR_EXAMPLES: JSON.stringify(examples) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = await Promise.all([text(child.stdout), once(child, 'close')]);
  await rm(folder, { recursive: true, force: true });
  return said;
}
