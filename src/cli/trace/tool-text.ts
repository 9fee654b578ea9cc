import { z } from 'zod';
import { tryParseJson } from '../../model/json.ts';

const commandSchema = z.union([z.string(), z.array(z.string()).min(1)]);
const shellSchema = z
  .object({ cmd: commandSchema.optional(), command: commandSchema.optional(), script: commandSchema.optional() })
  .transform(({ cmd, command, script }) => cmd ?? command ?? script);

/** The shell command that a tool call runs; undefined where it does something else. */
export function commandOf(input: string): string | undefined {
  // codex's "code mode" hands JavaScript to a tool, in which the shell is a function.
  const inScript = /tools\.exec_command\((\{.*\})\)/s.exec(input)?.[1];
  const command = tryParseJson(inScript ?? input, shellSchema);
  if (typeof command !== 'object') return command;
  // `bash -lc <script>` and its like.
  return command.length === 3 && /^-\w*c$/.test(command[1] ?? '') ? command[2] : command.join(' ');
}

export interface ToolResult {
  readonly text: string;
  /** null where the tool does not tell one. */
  readonly exitCode: number | null;
}

const jsonResultSchema = z.object({
  output: z.string(),
  metadata: z.object({ exit_code: z.number().nullish() }).nullish(),
});

/** What a shell tool answered, without what the agent puts around it. */
export function readResult(text: string): ToolResult {
  const json = tryParseJson(text, jsonResultSchema);
  if (json) return { text: json.output, exitCode: json.metadata?.exit_code ?? null };
  // Claude Code's way, where it was not 0.
  const [line, code] = /^Exit code (\d+)(?:\n|$)/.exec(text) ?? [];
  if (line !== undefined) return { text: text.slice(line.length), exitCode: Number(code) };
  const framed = /^(?:Chunk ID: .*\n)?Wall time: .*\n(?:Process exited with code (-?\d+)\n)?(?:.*\n)*?Output:\n/.exec(
    text,
  );
  if (!framed) return { text, exitCode: null };
  return { text: text.slice(framed[0].length), exitCode: framed[1] === undefined ? null : Number(framed[1]) };
}
