import type { AgentCommand, AgentRun } from './agent.ts';

/** A command that reads its prompt from stdin: it may be longer than an argument can be. */
export type PromptedCommand = Omit<AgentCommand, 'stdin'>;

/** What an agent is told when its session is taken up again. */
const carryOn = 'You were cut off. Carry on with the task where you stopped.\n';

/** Starts with the run's instruction as its prompt. */
export function withPrompt(run: AgentRun, { files, ...command }: PromptedCommand): AgentCommand {
  const path = `${run.home}/prompt.md`;
  return { ...command, files: [...files, { path, content: run.instruction ?? '', mode: 0o644 }], stdin: path };
}

/** Takes a session up again; `resume` are the arguments that name it, behind all others. */
export function withSession(
  run: AgentRun,
  { files, argv, ...command }: PromptedCommand,
  resume: readonly string[],
): AgentCommand {
  const path = `${run.home}/carry-on.md`;
  return {
    ...command,
    argv: [...argv, ...resume],
    files: [...files, { path, content: carryOn, mode: 0o644 }],
    stdin: path,
  };
}
