import type { Agent } from './agent.ts';
import { codex } from './codex.ts';
import { entrypoint } from './entrypoint.ts';

export interface AgentRegistry {
  /** What requests may name. */
  readonly names: readonly string[];
  /** The image's own command, for images that bring one. */
  readonly entrypoint: Agent;
  byName(name: string): Agent | undefined;
  /** The agent for a request that names only a model. */
  forModel(model: string): Agent | undefined;
}

/** Every coding agent that Harbor brings. A new one is a file beside this one and a line here. */
const codingAgents: readonly Agent[] = [codex];

export const agentRegistry: AgentRegistry = {
  names: codingAgents.map(({ name }) => name),
  entrypoint,
  byName: (name) => codingAgents.find((agent) => agent.name === name),
  forModel: (model) => codingAgents.find((agent) => agent.ownsModel(model)),
};
