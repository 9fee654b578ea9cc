import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import type { Failure } from '../model/failures.ts';
import type { RolloutStatus } from '../model/rollout.ts';
import type { AgentOutcome, Evaluation, Provisioned, RolloutInput, RolloutOutcome } from '../model/stages.ts';
import { searchAttributes } from './search-attributes.ts';

/** What a person with only the Temporal UI sees of a rollout: a table of where it is, and attributes to find it by. */
export class RolloutDetails {
  /** In the order in which they are read: what matters most comes first. */
  #rows: ReadonlyMap<string, string> = new Map([
    ['Status', ''],
    ['Reward', 'none yet'],
  ]);
  #earlier: readonly string[] = [];
  /** Told with the first status: each time that attributes are set is an event. */
  #batchId: string | undefined;

  constructor(input: RolloutInput) {
    const batchId = input['batch'];
    if (typeof batchId === 'string') this.#batchId = batchId;
  }

  /** Once the sandbox is there, with what the rollout turned out to be. */
  entered(status: RolloutStatus, attempt: number, provisioned?: Provisioned): void {
    const batchId = this.#batchId;
    this.#batchId = undefined;
    upsertSearchAttributes([
      { key: searchAttributes.status, value: status },
      ...(batchId === undefined ? [] : [{ key: searchAttributes.batch, value: batchId }]),
      ...(provisioned ? attributesOf(provisioned) : []),
    ]);
    this.#show({
      Status: phases[status],
      Attempt: String(attempt),
      ...(provisioned ? rowsOf(provisioned) : {}),
    });
  }

  agentEnded({ exitCode, failure, llmCalls }: AgentOutcome): void {
    this.#show({
      'Agent ended': failure ? inWords(failure) : `exit code ${exitCode ?? 'unknown'}`,
      'LLM calls': String(llmCalls),
    });
  }

  failed(attempt: number, failure: Failure): void {
    this.#earlier = [...this.#earlier, `Attempt ${attempt}: ${inWords(failure)}`];
    this.#show({});
  }

  /** What it came to is decided; seen while the result is written and the sandbox removed, which may have to wait for an engine. */
  closing(failure: Failure | null, evaluation: Evaluation | null): void {
    this.#show({
      Status: 'writing the result, removing the sandbox',
      ...(evaluation === null || evaluation.reward === null ? {} : { Reward: `**${evaluation.reward}**` }),
      ...(failure ? { Failure: inWords(failure) } : {}),
    });
  }

  ended({ status, reward, failure, usage }: RolloutOutcome): void {
    upsertSearchAttributes([
      { key: searchAttributes.status, value: status },
      { key: searchAttributes.reward, value: reward },
    ]);
    this.#show({
      Status: `**${status}**`,
      Reward: reward === null ? 'none' : `**${reward}**`,
      ...(failure ? { Failure: inWords(failure) } : {}),
      'LLM calls': String(usage.llm_calls),
      Tokens: `${usage.input_tokens} in (${usage.cached_tokens} cached), ${usage.output_tokens} out`,
      Cost: usage.cost_usd === null ? 'unknown' : `$${usage.cost_usd.toFixed(4)}`,
    });
  }

  #show(rows: Readonly<Record<string, string>>): void {
    this.#rows = new Map([...this.#rows, ...Object.entries(rows)]);
    const table = [...this.#rows].map(([name, value]) => `| ${name} | ${value} |`);
    const earlier = this.#earlier.map((line) => `- ${line}`);
    setCurrentDetails(['| | |', '|---|---|', ...table, '', ...earlier].join('\n').trimEnd());
  }
}

const phases: Record<RolloutStatus, string> = {
  queued: 'waiting for a place',
  provisioning: 'making the sandbox (or waiting for a place)',
  running: 'the agent works',
  evaluating: 'the tests judge',
  completed: 'completed',
  failed: 'failed',
  cancelled: 'cancelled',
};

function inWords(failure: Failure): string {
  return `\`${failure.class}\`: ${failure.message.replaceAll(/\s+/g, ' ').replaceAll('|', '/').slice(0, 300)}`;
}

function attributesOf({ deployment, agent, model }: Provisioned) {
  return [
    { key: searchAttributes.deployment, value: deployment },
    { key: searchAttributes.agent, value: agent },
    ...(model === null ? [] : [{ key: searchAttributes.model, value: model }]),
  ];
}

function rowsOf({ deployment, seed, agent, model, sandbox }: Provisioned): Record<string, string> {
  return {
    Deployment: deployment,
    Seed: seed === null ? 'none' : String(seed),
    Agent: model === null ? agent : `${agent}, ${model}`,
    Sandbox: `\`${sandbox}\``,
  };
}
