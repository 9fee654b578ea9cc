import type { SnapshotFacts } from '../sandboxes/provider.ts';
import type { AgentRun, CodingAgent } from './agent.ts';
import { claudeCodePackage, claudeCodeVersion } from './claude-code-packages.ts';
import { commonLack } from './image-needs.ts';
import { type GivingUp, patiently } from './patience.ts';
import type { PromptedCommand } from './prompted-command.ts';
import { readSettings } from './settings.ts';
import { streamJsonFailure, streamJsonOutput } from './stream-json-output.ts';
import { toolboxPath } from './toolbox-path.ts';

/** Anthropic's Claude Code, run without a person: `claude -p`. One binary for glibc, one for musl. */
export const claudeCode: CodingAgent = {
  specificationVersion: 'agent-v1',
  name: 'claude-code',
  defaultModel: 'claude-sonnet-4-5',
  ownsModel: ({ provider }) => provider === 'anthropic',
  runsModel: ({ provider }) => provider === 'anthropic',
  unsupportedIn,
  toolbox: (facts) => ({ name: 'claude-code', version: claudeCodeVersion, packages: [claudeCodePackage(facts)] }),
  instructions: [['CLAUDE.md', '.claude/CLAUDE.md', 'CLAUDE.local.md'], ['AGENTS.md']],
  skills: ['.claude/skills'],
  own: { instructions: 'CLAUDE.md', skills: 'skills' },
  sessionFiles: ['projects'],
  prepare: (run) => patiently(run, command(run), givingUp),
  resume: (run, sessionId) => patiently(run, command(run), givingUp, sessionId),
  output: streamJsonOutput,
  explainFailure(outputTail) {
    const said = streamJsonFailure(outputTail);
    return said === undefined ? undefined : { class: 'agent_failed', message: `claude-code: ${said}` };
  },
};

function unsupportedIn(facts: SnapshotFacts): string | undefined {
  const lack = commonLack('claude-code', facts);
  if (lack !== undefined) return lack;
  if (facts.libc === 'none') return 'claude-code needs glibc or musl, and the image has neither';
  // Without it ends with exit code 0, and every command of its has failed.
  return facts.hasBash ? undefined : 'claude-code runs its commands in bash, and the image has none';
}

function command(run: AgentRun): PromptedCommand {
  const { reasoning_effort: effort } = readSettings(run.settings);
  const model = run.model?.name ?? '';
  return {
    files: [],
    argv: [
      `${toolboxPath('claude-code')}/claude`,
      '-p',
      '--output-format',
      'stream-json',
      '--verbose',
      '--dangerously-skip-permissions',
      // Run by the provider, outside the sandbox's egress.
      '--disallowed-tools',
      'WebSearch',
      '--model',
      model,
      ...(effort === undefined ? [] : ['--effort', effort]),
    ],
    env: { ...environment(run, model), ...quiet },
  };
}

/** Which models it would ask for sub-agents and small jobs. An attempt may ask for its own alone. */
const otherModels = [
  'ANTHROPIC_DEFAULT_FABLE_MODEL',
  'ANTHROPIC_DEFAULT_OPUS_MODEL',
  'ANTHROPIC_DEFAULT_SONNET_MODEL',
  'ANTHROPIC_DEFAULT_HAIKU_MODEL',
  'ANTHROPIC_SMALL_FAST_MODEL',
];

/** Retries with pauses that double from half a second and stay under 40: fifteen, the most that it takes, last six minutes. */
const mostRetries = '15';

/** An answer that breaks off is gone on with three times, within ten seconds, and no setting changes that. */
const givingUp: GivingUp = {
  lastLine: '"is_error":true.*"api_error":"connection_failed"',
  progress: '"type":"tool_result"',
  session: '"session_id":"([0-9a-f-]+)"',
  resume: '--resume',
};

function environment({ interceptorUrl, token, home, settings }: AgentRun, model: string): Record<string, string> {
  return {
    // It adds `/v1/messages` itself.
    ANTHROPIC_BASE_URL: interceptorUrl,
    ANTHROPIC_API_KEY: token,
    CLAUDE_CONFIG_DIR: home,
    CLAUDE_CODE_TMPDIR: `${home}/tmp`,
    // Without it, it refuses to skip permissions as root.
    IS_SANDBOX: '1',
    ...Object.fromEntries(otherModels.map((name) => [name, model])),
    // Else it prefers zsh where there is one.
    CLAUDE_CODE_SHELL: '/bin/bash',
    ...(readSettings(settings).retries === 'own' ? {} : { CLAUDE_CODE_MAX_RETRIES: mostRetries }),
  };
}

/** What would talk to hosts other than the interceptor: where packets are dropped that delays the first call by 11 s. */
const quiet = { CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', DISABLE_AUTOUPDATER: '1', DISABLE_TELEMETRY: '1' };
