import type { SnapshotFacts } from '../sandboxes/provider.ts';
import type { AgentRun, CodingAgent } from './agent.ts';
import { commonLack, cxxLibraries } from './image-needs.ts';
import { opencodeConfiguration } from './opencode-configuration.ts';
import { opencodeFailure, opencodeOutput } from './opencode-output.ts';
import { opencodePackage } from './opencode-packages.ts';
import { opencodeLauncher } from './opencode-launcher.ts';
import { type GivingUp, patiently } from './patience.ts';
import type { PromptedCommand } from './prompted-command.ts';
import { readSettings } from './settings.ts';
import { toolboxPath } from './toolbox-path.ts';

/** OpenCode, run without a person: `opencode run`. Speaks OpenAI's Responses API or Anthropic's, by the model. */
export const opencode: CodingAgent = {
  specificationVersion: 'agent-v1',
  name: 'opencode',
  defaultModel: 'gpt-4.1-mini',
  ownsModel: () => false,
  runsModel: () => true,
  unsupportedIn,
  toolbox(facts) {
    const item = opencodePackage(facts);
    return { name: 'opencode', version: item.spec.replace(/^.*@/, ''), packages: [item] };
  },
  instructions: [['AGENTS.md'], ['CLAUDE.md']],
  skills: ['.opencode/skill', '.opencode/skills', '.claude/skills', '.agents/skills'],
  own: { instructions: 'config/opencode/AGENTS.md', skills: 'config/opencode/skills' },
  sessionFiles: ['data/opencode'],
  prepare: (run) => patiently(run, command(run), givingUp),
  resume: (run, sessionId) => patiently(run, command(run), givingUp, sessionId),
  output: opencodeOutput,
  explainFailure(outputTail) {
    const said = opencodeFailure(outputTail);
    return said === undefined ? undefined : { class: 'agent_failed', message: `opencode: ${said}` };
  },
};

function unsupportedIn(facts: SnapshotFacts): string | undefined {
  const lack = commonLack('opencode', facts);
  if (lack !== undefined) return lack;
  if (facts.libc === 'none') return 'opencode needs glibc or musl, and the image has neither';
  return facts.libc === 'musl' && facts.hasCxxLibraries === false
    ? `opencode needs ${cxxLibraries} in an image with musl, and they are not there`
    : undefined;
}

function command(run: AgentRun): PromptedCommand {
  const { reasoning_effort: effort } = readSettings(run.settings);
  const launcher = opencodeLauncher(run.home);
  return {
    files: launcher.files,
    argv: [
      ...launcher.argv,
      `${toolboxPath('opencode')}/opencode`,
      'run',
      '--format',
      'json',
      '--thinking',
      // Else its small model is asked for one.
      '--title',
      'harbor',
      '--model',
      `${run.model?.provider}/${run.model?.name}`,
      ...(effort === undefined ? [] : ['--variant', effort]),
    ],
    env: opencodeConfiguration(run),
  };
}

/**
 * Five retries, which no setting changes (RETRY_MAX_RETRIES in 1.18.33), last 80 s, and but a few with a short
 * `Retry-After`. It retries 404 as well; a model that is not there does not come.
 */
const givingUp: GivingUp = {
  lastLine: '"type":"error".*"data":\\{"message":"[^"]*",("statusCode":(408|409|429|5[0-9][0-9]),)?"isRetryable":true',
  progress: '"type":"(tool_use|step_finish)"',
  session: '"sessionID":"(ses_[0-9A-Za-z]+)"',
  resume: '-s',
};
