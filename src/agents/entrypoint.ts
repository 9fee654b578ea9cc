import { z } from 'zod';
import { check, type JsonObject, jsonObjectSchema } from '../model/json.ts';
import type { Agent, AgentCommand, AgentRun } from './agent.ts';

const rolloutFile = '/tmp/rollout.json';
export const resultFile = '/tmp/result.json';

/**
 * The image's own command. It gets the rollout as JSON, in a file or on stdin, finds the interceptor in the environment
 * under every name that agents and runners look for, and answers in result.json.
 */
export const entrypoint: Agent = {
  specificationVersion: 'agent-v1',
  name: 'entrypoint',
  runsModel: () => true,
  unsupportedIn: (facts) =>
    facts.hasShell ? undefined : 'the entrypoint is a shell command, and the image has no shell',
  prepare,
  explainFailure: () => undefined,
};

function prepare(run: AgentRun): AgentCommand {
  const { command, mode } = run.entrypoint;
  // A result that lies in the image already is nobody's result. In stdio mode the answer is all of stdout.
  const answering = mode === 'stdio' ? `{ ${command}\n} > ${resultFile}` : command;
  return {
    files: [{ path: rolloutFile, content: JSON.stringify(rolloutJson(run)), mode: 0o644 }],
    argv: ['sh', '-c', `rm -f ${resultFile}\n${answering}`],
    env: environment(run),
    ...(mode === 'stdio' ? { stdin: rolloutFile } : {}),
  };
}

/**
 * What the existing runners read is flat; the whole request stands beside it, since which of its settings they look for
 * differs from one to the next.
 */
function rolloutJson(run: AgentRun): JsonObject {
  const { env, policy, prompt_template } = run.request;
  const template = prompt_template ?? (run.instruction === null ? null : instructionTemplate(run.instruction));
  return {
    trace_correlation_id: run.traceCorrelationId,
    rollout_id: run.rolloutId,
    seed: run.seed,
    prompt_template: template,
    inference_url: `${run.interceptorUrl}/v1`,
    limits: { timeout_s: run.timeoutSeconds },
    params: { ...paramsOf(run), model: run.model?.name ?? null },
    ...(env === undefined ? {} : { env }),
    ...(policy === undefined ? {} : { policy }),
  };
}

const settingsSchema = z.object({
  params: jsonObjectSchema.default({}),
  policy: z.object({ config: jsonObjectSchema.default({}) }).prefault({}),
});

/** The agent and its settings, wherever the request names them, less the address: the interceptor's is the only one. */
function paramsOf({ request }: AgentRun): JsonObject {
  const { params, policy } = check(request, settingsSchema, 'request');
  const { inference_url: _url, ...settings } = { ...params, ...policy.config };
  return settings;
}

function instructionTemplate(instruction: string): JsonObject {
  return { sections: [{ role: 'user', content: instruction, pattern: instruction, order: 0 }] };
}

/** OpenAI's clients want `/v1` in the base, Anthropic's do not. */
function environment({ interceptorUrl, token, model, seed, rolloutId }: AgentRun): Record<string, string> {
  const openai = `${interceptorUrl}/v1`;
  return {
    OPENAI_BASE_URL: openai,
    OPENAI_API_BASE: openai,
    OPENCODE_API_BASE: openai,
    ANTHROPIC_BASE_URL: interceptorUrl,
    OPENAI_API_KEY: token,
    ANTHROPIC_API_KEY: token,
    SYNTH_API_KEY: token,
    INTERCEPTOR_API_KEY: token,
    HARBOR_ROLLOUT_ID: rolloutId,
    ...(seed === null ? {} : { HARBOR_SEED: String(seed) }),
    ...(model === null ? {} : { OPENAI_MODEL: model.name, HARBOR_MODEL: model.name }),
  };
}
