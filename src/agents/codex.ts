import { z } from 'zod';
import { tryParseJson } from '../model/json.ts';
import type { SnapshotFacts } from '../sandboxes/provider.ts';
import type { Agent, AgentCommand, AgentRun } from './agent.ts';
import { codexOutput } from './codex-output.ts';
import { codexPackages, codexVersion } from './codex-packages.ts';
import { toolboxPath } from './toolbox-path.ts';

/**
 * OpenAI's Codex CLI, run without a person: `codex exec`. The binary is static, so it runs in any Linux image that has a
 * shell for its commands.
 */
export const codex: Agent = {
  specificationVersion: 'agent-v1',
  name: 'codex',
  dialect: 'openai-responses',
  ownsModel: (model) => !/^claude/i.test(model),
  unsupportedIn: (facts) => (facts.hasShell ? undefined : 'codex runs its commands in a shell, and the image has none'),
  toolbox: ({ architecture }: SnapshotFacts) => ({
    name: 'codex',
    version: codexVersion,
    packages: [codexPackages[architecture]],
  }),
  prepare,
  output: codexOutput,
  explainFailure,
};

function prepare(run: AgentRun): AgentCommand {
  const prompt = `${run.home}/prompt.md`;
  return {
    files: [
      { path: `${run.home}/config.toml`, content: configuration(run), mode: 0o644 },
      { path: prompt, content: run.instruction ?? '', mode: 0o644 },
    ],
    argv: [
      `${toolboxPath('codex')}/bin/codex`,
      'exec',
      '--json',
      '--skip-git-repo-check',
      '--dangerously-bypass-approvals-and-sandbox',
      // The prompt comes by stdin: it may be longer than an argument can be.
      '-',
    ],
    env: { CODEX_HOME: run.home, HARBOR_INTERCEPTOR_KEY: run.token },
    stdin: prompt,
  };
}

/**
 * Requests that fail are repeated with pauses that double from 0.2 s: eleven of them outlast five minutes of a provider
 * or an interceptor that is away. A stream that breaks is asked for anew as often.
 */
const retries = 11;

/**
 * Everything that would talk to a host other than the interceptor is off: such look-ups fail slowly in a closed network
 * and delay the end of the run by seconds. `web_search` would be run by the provider, outside the sandbox's egress.
 */
function configuration({ model, interceptorUrl, settings }: AgentRun): string {
  const effort = settings['reasoning_effort'];
  return [
    'check_for_update_on_startup = false',
    `model = ${tomlString(model ?? '')}`,
    'model_provider = "harbor"',
    'model_reasoning_summary = "none"',
    ...(typeof effort === 'string' ? [`model_reasoning_effort = ${tomlString(effort)}`] : []),
    'web_search = "disabled"',
    '[model_providers.harbor]',
    'name = "harbor"',
    `base_url = ${tomlString(`${interceptorUrl}/v1`)}`,
    'env_key = "HARBOR_INTERCEPTOR_KEY"',
    'wire_api = "responses"',
    `request_max_retries = ${retries}`,
    `stream_max_retries = ${retries}`,
    '[analytics]',
    'enabled = false',
    '[otel]',
    'exporter = "none"',
    'metrics_exporter = "none"',
    '[features]',
    'plugins = false',
    'apps = false',
    '',
  ].join('\n');
}

/** JSON's strings are TOML's basic strings. */
function tomlString(text: string): string {
  return JSON.stringify(text);
}

const failedTurn = z.object({ type: z.literal('turn.failed'), error: z.object({ message: z.string() }) });

/** `turn.failed` alone means failure; items of type `error` are remarks, as on models that its catalogue lacks. */
function explainFailure(outputTail: string): { class: 'agent_failed'; message: string } | undefined {
  for (const line of outputTail.split('\n').toReversed()) {
    const event = tryParseJson(line, failedTurn);
    if (event) return { class: 'agent_failed', message: `codex: ${event.error.message}` };
  }
  return undefined;
}
