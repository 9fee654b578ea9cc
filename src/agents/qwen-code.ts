import type { SnapshotFacts } from '../sandboxes/provider.ts';
import type { AgentRun, CodingAgent } from './agent.ts';
import { commonLack, cxxLibraries } from './image-needs.ts';
import { type GivingUp, patiently } from './patience.ts';
import type { PromptedCommand } from './prompted-command.ts';
import { qwenCodePackages, qwenCodeVersion } from './qwen-code-packages.ts';
import { readSettings } from './settings.ts';
import { streamJsonFailure, streamJsonOutput } from './stream-json-output.ts';
import { toolboxPath } from './toolbox-path.ts';

/** Qwen Code, run without a person, by a Node of Harbor's own. Speaks OpenAI's Chat Completions API. Seen with 0.24.4. */
export const qwenCode: CodingAgent = {
  specificationVersion: 'agent-v1',
  name: 'qwen-code',
  defaultModel: 'gpt-4.1-mini',
  ownsModel: ({ name, provider }) => provider === 'openai' && /qwen/i.test(name),
  runsModel: ({ provider }) => provider === 'openai',
  unsupportedIn,
  toolbox: (facts) => ({ name: 'qwen-code', version: qwenCodeVersion, packages: qwenCodePackages(facts) }),
  instructions: [['QWEN.md', 'AGENTS.md']],
  skills: ['.qwen/skills', '.agents/skills'],
  own: { instructions: 'QWEN.md', skills: 'skills' },
  sessionFiles: ['projects'],
  prepare: (run) => patiently(run, command(run), givingUp),
  resume: (run, sessionId) => patiently(run, command(run), givingUp, sessionId),
  output: streamJsonOutput,
  explainFailure(outputTail) {
    const said = streamJsonFailure(outputTail);
    return said === undefined ? undefined : { class: 'agent_failed', message: `qwen-code: ${said}` };
  },
};

/** npm has no Node for musl. */
function unsupportedIn(facts: SnapshotFacts): string | undefined {
  const lack = commonLack('qwen-code', facts);
  if (lack !== undefined) return lack;
  if (facts.libc !== 'glibc') {
    const other = facts.libc === 'musl' ? 'musl' : 'no C library';
    return `qwen-code runs with a Node that Harbor brings, which needs glibc, and the image has ${other}`;
  }
  return facts.hasCxxLibraries === false
    ? `qwen-code runs with a Node that Harbor brings, which needs ${cxxLibraries}, and the image lacks them`
    : undefined;
}

function command(run: AgentRun): PromptedCommand {
  const settingsFile = `${run.home}/harbor-settings.json`;
  return {
    files: [{ path: settingsFile, content: JSON.stringify(settings(run)), mode: 0o644 }],
    argv: [
      `${toolboxPath('qwen-code')}/node`,
      `${toolboxPath('qwen-code')}/cli.js`,
      '--yolo',
      '--output-format',
      'stream-json',
      '--model',
      run.model?.name ?? '',
    ],
    env: {
      [keyVariable]: run.token,
      QWEN_HOME: run.home,
      // The settings that no other ones overrule, neither an image's nor a working directory's.
      QWEN_CODE_SYSTEM_SETTINGS_PATH: settingsFile,
      // Else it starts itself once more, with another limit of memory.
      QWEN_CODE_NO_RELAUNCH: 'true',
      QWEN_CODE_SUPPRESS_YOLO_WARNING: '1',
    },
  };
}

const keyVariable = 'HARBOR_INTERCEPTOR_KEY';

/** What would talk to other hosts, or ask the model for what is no part of the task (memories, suggestions), is off. */
function settings({ model, interceptorUrl, settings: given }: AgentRun): object {
  const { reasoning_effort: effort } = readSettings(given);
  const generationConfig = {
    ...(effort !== undefined && { reasoning: { effort } }),
    ...(reasons.test(model?.name ?? '') && { samplingParams: { max_completion_tokens: outputTokens } }),
  };
  const entry = { id: model?.name, envKey: keyVariable, baseUrl: `${interceptorUrl}/v1`, generationConfig };
  return {
    modelProviders: { openai: [entry] },
    security: { auth: { selectedType: 'openai' } },
    general: { enableAutoUpdate: false },
    privacy: { usageStatisticsEnabled: false },
    telemetry: { enabled: false },
    memory: { enableManagedAutoMemory: false, enableManagedAutoDream: false },
    ui: { enableFollowupSuggestions: false },
    // npm's package has the program not executable: a warning at each start, and then its own search all the same.
    tools: { useRipgrep: false },
  };
}

/** OpenAI's models that refuse the `max_tokens` which Qwen Code sends, and want the budget under its newer name. */
const reasons = /^(gpt-[5-9]|o\d)/;
const outputTokens = 32_000;

/** A stream that breaks is asked for anew three times, within ten seconds; an error of the provider seven times, in 100 s. */
const givingUp: GivingUp = {
  lastLine: '"type":"result".*"is_error":true.*\\[API Error: (408|429|5[0-9][0-9]|[^0-9])',
  progress: '"type":"tool_result"',
  session: '"session_id":"([0-9a-f-]+)"',
  resume: '--resume',
};
