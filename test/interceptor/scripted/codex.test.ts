import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { codexBinary } from '../../support/codex.ts';
import { type TestInterceptor, startTestInterceptor, temporaryFolder } from '../support/interceptor.ts';
import { endAttempt } from '../support/projection.ts';

const script = {
  turns: [
    { say: 'I make the file.', run: 'printf hi > hello.txt' },
    { run: 'printf ", there" >> hello.txt' },
    { say: 'hello.txt is there.' },
  ],
};

const configuration = ({ url }: TestInterceptor, model: string): string => `
check_for_update_on_startup = false
model = "${model}"
model_provider = "harbor"
web_search = "disabled"
[model_providers.harbor]
name = "harbor"
base_url = "${url}/v1/some-correlation-id"
env_key = "HARBOR_KEY"
wire_api = "responses"
[analytics]
enabled = false
[otel]
exporter = "none"
metrics_exporter = "none"
[features]
plugins = false
apps = false
`;

test.each([
  // Its shell is a function among the tools.
  ['a model that its catalogue lacks', 'gpt-4.1-mini'],
  // Its shell is reached through JavaScript, offered in an item of the input.
  ['a model of its catalogue', 'gpt-6-astra'],
])('the real codex works through the script with %s', async (_, model) => {
  const interceptor = await startTestInterceptor();
  const token = await interceptor.grant({ script, models: [model] });
  const [home, work] = [await temporaryFolder(), await temporaryFolder()];
  await mkdir(join(home, '.codex'));
  await writeFile(join(home, '.codex', 'config.toml'), configuration(interceptor, model));
  const flags = ['exec', '--json', '--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox'];
  const codex = spawn(await codexBinary(), [...flags, 'Make hello.txt.'], {
    cwd: work,
    env: { PATH: process.env['PATH'], HOME: home, HARBOR_KEY: token },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let output = '';
  codex.stdout.on('data', (piece: Buffer) => (output += String(piece)));
  const [exitCode] = await once(codex, 'close');

  expect(output).toContain('hello.txt is there.');
  expect(exitCode).toBe(0);
  expect(await readFile(join(work, 'hello.txt'), 'utf8')).toBe('hi, there');
  const { calls } = await endAttempt(interceptor);
  const call = { status: 'ok', requestedModel: model, dialect: 'openai-responses' };
  expect(calls).toMatchObject([call, call, call]);
});
