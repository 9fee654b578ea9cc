import { z } from 'zod';
import type { JsonObject } from '../../model/json.ts';

/** Names under which agents offer a shell. */
const shellNames = new Set([
  'exec_command',
  'shell',
  'shell_command',
  'bash',
  'exec',
  'run_command',
  'run_shell_command',
  'execute_command',
  'terminal',
]);

/** Where such tools take the command. */
const commandParameters = ['cmd', 'command', 'script'];

/** Milliseconds that codex waits for a command before it hands out what there is so far: the most that it allows. */
const longestYieldMs = 30_000;

/** The JSON schema of a tool's input, as far as it matters here. */
export const parametersSchema = z.object({
  properties: z.record(z.string(), z.object({ type: z.unknown() })),
  required: z.array(z.string()).nullish(),
});
type Parameters = z.infer<typeof parametersSchema>;

/** A tool as a request offers it, in whichever dialect. */
export const toolSchema = z.object({
  type: z.string().nullish(),
  name: z.string(),
  description: z.string().nullish(),
  parameters: parametersSchema.nullish().catch(null),
});
export type OfferedTool = z.infer<typeof toolSchema>;

export interface ToolCall {
  readonly name: string;
  /** `function`: the input is JSON. `custom`: it is whatever the tool takes. */
  readonly kind: 'function' | 'custom';
  readonly input: string;
}

/** The call that runs a command in the first shell among the tools; undefined where none of them is one. */
export function callShell(tools: readonly OfferedTool[], command: string): ToolCall | undefined {
  for (const { type, name, description, parameters } of tools) {
    if (!shellNames.has(name.toLowerCase())) continue;
    if (type === 'custom' && description?.includes('tools.exec_command')) return codeModeCall(name, command);
    const parameter = commandParameters.find((key) => parameters?.properties[key]);
    if (!parameters || parameter === undefined) continue;
    return { name, kind: 'function', input: JSON.stringify(functionArguments(parameters, parameter, command)) };
  }
  return undefined;
}

/** codex's "code mode": the tool takes JavaScript, in which the shell is a function. */
function codeModeCall(name: string, command: string): ToolCall {
  const options = JSON.stringify({ cmd: command, yield_time_ms: longestYieldMs });
  return { name, kind: 'custom', input: `text(await tools.exec_command(${options}));` };
}

function functionArguments({ properties, required }: Parameters, parameter: string, command: string): JsonObject {
  const takesList = properties[parameter]?.type === 'array';
  // A tool may insist on more, such as a description of what the command is for.
  const others = (required ?? []).filter((key) => key !== parameter && properties[key]?.type === 'string');
  return {
    [parameter]: takesList ? ['sh', '-c', command] : command,
    ...Object.fromEntries(others.map((key) => [key, 'next step of the script'])),
    ...(properties['yield_time_ms'] && { yield_time_ms: longestYieldMs }),
  };
}
