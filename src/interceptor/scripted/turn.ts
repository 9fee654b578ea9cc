import type { ModelScript } from '../../model/task.ts';
import { type OfferedTool, type ToolCall, callShell } from './shell-tool.ts';

/** What the scripted model says in one answer: some text, a tool call, or both. */
export interface Turn {
  readonly text: string;
  readonly call: ToolCall | null;
}

/**
 * The script's turn for a request that holds the outputs of `outputs` tool calls: it follows from the request alone, so
 * that neither a restart nor a repeated request confuses the model.
 */
export function chooseTurn(script: ModelScript | null, outputs: number, tools: readonly OfferedTool[]): Turn {
  if (!script) return { text: 'I have no script for this task, so I leave everything as it is.', call: null };
  const turn = script.turns[outputs];
  if (!turn) return { text: 'My script for this task ends here.', call: null };
  const { say, run } = turn;
  if (run === undefined) return { text: say ?? 'Done.', call: null };
  const call = callShell(tools, run);
  if (call) return { text: say ?? '', call };
  return { text: `${say ?? ''} I was offered no shell in which I could run: ${run}`.trim(), call: null };
}
