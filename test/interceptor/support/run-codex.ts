import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codexBinary } from '../../support/codex.ts';
import { type TestInterceptor, temporaryFolder } from './interceptor.ts';

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

export interface AgentEnd {
  readonly output: string;
  readonly exitCode: number;
  /** Its working directory. */
  readonly work: string;
}

/** The real codex, at work on its own. */
export async function runCodex(interceptor: TestInterceptor, token: string, model: string): Promise<AgentEnd> {
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
  return { output, exitCode, work };
}
