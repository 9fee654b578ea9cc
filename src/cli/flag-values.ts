import { InvalidArgumentError } from 'commander';
import type { Policy } from './tracked-rollouts.ts';

/** `codex:gpt-5-mini`, or an agent alone. A model may hold colons itself. */
export function policyIn(label: string): Policy {
  const [, agent, model] = /^([^:]+)(?::(.+))?$/.exec(label) ?? [];
  if (agent === undefined) throw new InvalidArgumentError('It must be an agent and a model, like codex:gpt-5-mini.');
  return { label, agent, ...(model !== undefined && { model }) };
}

/** An amount of US dollars. */
export function dollars(text: string): number {
  const amount = Number(text);
  if (!(amount > 0)) throw new InvalidArgumentError('It must be an amount of US dollars, like 0.50.');
  return amount;
}
