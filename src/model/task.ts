import type { EgressMode } from './egress.ts';

/** Whether processes that the agent started live on during the tests; see "Evaluation" in docs/architecture.md. */
export type ProcessPolicy = 'kill' | 'keep';

/**
 * How one task is run and judged: what its task.toml says, over the defaults. Plain data, kept with the deployment's
 * generation.
 */
export interface TaskSettings {
  /** Whether a task.toml stands behind it: then only reward files count, never the exit code. */
  readonly format: 'plain' | 'task.toml';
  readonly processes: ProcessPolicy;
  readonly agentUser?: string;
  readonly agentTimeoutSeconds?: number;
  readonly testsUser?: string;
  readonly testsTimeoutSeconds: number;
  readonly testsEnv: Readonly<Record<string, string>>;
  readonly sandboxEnv: Readonly<Record<string, string>>;
  readonly workdir?: string;
  /** Paths to keep once the agent is done. */
  readonly artifacts?: readonly string[];
  /** From the task's network mode; a request's own `egress` wins. */
  readonly agentEgress?: EgressMode;
  readonly testsEgress?: EgressMode;
}

/** One task of a deployment's generation. */
export interface Task {
  /** null: the one task of a task.toml, which fits any seed. */
  readonly seed: number | null;
  readonly instruction: string | null;
  readonly settings: TaskSettings;
  /** Blob of the held-back tests, a tar whose root becomes /tests; null where the task has none. */
  readonly testsRef: string | null;
  /** Turns for the scripted model, from the held-back solution; null where there are none. */
  readonly script: ModelScript | null;
}

/** What the scripted model plays for one task: a turn per LLM call, in order. */
export interface ModelScript {
  readonly turns: readonly ScriptTurn[];
}

export interface ScriptTurn {
  /** Said by the model in this turn. */
  readonly say?: string;
  /** A shell command that the agent is asked to run; a turn without one ends the agent's work. */
  readonly run?: string;
}
