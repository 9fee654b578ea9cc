import type { ModelRef } from '../model/model-ref.ts';
import type { Agent, CodingAgent } from './agent.ts';
import { claudeCode } from './claude-code.ts';
import { codex } from './codex.ts';
import { entrypoint } from './entrypoint.ts';
import { opencode } from './opencode.ts';
import { qwenCode } from './qwen-code.ts';

export interface AgentRegistry {
  /** What requests may name. */
  readonly names: readonly string[];
  /** The image's own command, for images that bring one. */
  readonly entrypoint: Agent;
  byName(name: string): CodingAgent | undefined;
  /** The agent for a request that names only a model: whose own it is, else the first that runs it. */
  forModel(model: ModelRef): CodingAgent | undefined;
}

/** Every coding agent that Harbor brings. A new one is a file beside this one and a line here. */
const codingAgents: readonly CodingAgent[] = [codex, claudeCode, opencode, qwenCode];

export const agentRegistry: AgentRegistry = {
  names: codingAgents.map(({ name }) => name),
  entrypoint,
  byName: (name) => codingAgents.find((agent) => agent.name === name),
  forModel: (model) =>
    codingAgents.find((agent) => agent.ownsModel(model)) ?? codingAgents.find((agent) => agent.runsModel(model)),
};
