import { z } from 'zod';
import { tryParseJson } from '../model/json.ts';
import type { AgentRun, CodingAgent } from './agent.ts';
import { codexOutput } from './codex-output.ts';
import { codexPackages, codexVersion } from './codex-packages.ts';
import { commonLack } from './image-needs.ts';
import { type GivingUp, patiently } from './patience.ts';
import type { PromptedCommand } from './prompted-command.ts';
import { readSettings } from './settings.ts';
import { toolboxPath } from './toolbox-path.ts';

/**
 * OpenAI's Codex CLI, run without a person: `codex exec`. The binary is static, so it runs in any Linux image that has a
 * shell for its commands.
 */
export const codex: CodingAgent = {
  specificationVersion: 'agent-v1',
  name: 'codex',
  defaultModel: 'gpt-4.1-mini',
  ownsModel: ({ name, provider }) => provider === 'openai' && /^(gpt|o\d|codex|chatgpt)/i.test(name),
  runsModel: ({ provider }) => provider === 'openai',
  unsupportedIn: (facts) => commonLack('codex', facts),
  toolbox: ({ architecture }) => ({ name: 'codex', version: codexVersion, packages: [codexPackages[architecture]] }),
  instructions: [['AGENTS.override.md'], ['AGENTS.md']],
  skills: ['.agents/skills', '.codex/skills'],
  own: { instructions: 'AGENTS.md', skills: 'skills' },
  sessionFiles: ['sessions'],
  prepare: (run) => patiently(run, command(run), givingUp),
  resume: (run, sessionId) => patiently(run, command(run), givingUp, sessionId),
  output: codexOutput,
  explainFailure,
};

function command(run: AgentRun): PromptedCommand {
  return {
    files: [{ path: `${run.home}/config.toml`, content: configuration(run), mode: 0o644 }],
    argv: [
      `${toolboxPath('codex')}/bin/codex`,
      'exec',
      '--json',
      '--skip-git-repo-check',
      '--dangerously-bypass-approvals-and-sandbox',
    ],
    env: { CODEX_HOME: run.home, HARBOR_INTERCEPTOR_KEY: run.token },
  };
}

/**
 * A request that fails is repeated `request_max_retries` times, and all of that, as a stream that breaks is, up to
 * `stream_max_retries` times with pauses that double from 0.2 s: eleven of them outlast five minutes of a provider or an
 * interceptor that is away. More of the former would multiply with the latter.
 */
const patience = ['request_max_retries = 2', 'stream_max_retries = 11'];

/** With a `Retry-After` it waits just that long between its eleven tries: too little for a busy provider that says 1 s. */
const givingUp: GivingUp = {
  lastLine: '"type":"turn.failed".*last status: 429',
  progress: '"type":"(command_execution|mcp_tool_call|file_change)"',
  session: '"thread_id":"([0-9a-f-]+)"',
  resume: 'resume',
};

/**
 * Everything that would talk to a host other than the interceptor is off: such look-ups fail slowly in a closed network
 * and delay the end of the run by seconds. `web_search` would be run by the provider, outside the sandbox's egress.
 */
function configuration(run: AgentRun): string {
  const { reasoning_effort: effort, retries } = readSettings(run.settings);
  return [
    'check_for_update_on_startup = false',
    `model = ${tomlString(run.model?.name ?? '')}`,
    'model_provider = "harbor"',
    'model_reasoning_summary = "none"',
    ...(effort === undefined ? [] : [`model_reasoning_effort = ${tomlString(effort)}`]),
    'web_search = "disabled"',
    '[model_providers.harbor]',
    'name = "harbor"',
    `base_url = ${tomlString(`${run.interceptorUrl}/v1`)}`,
    'env_key = "HARBOR_INTERCEPTOR_KEY"',
    'wire_api = "responses"',
    ...(retries === 'own' ? [] : patience),
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
