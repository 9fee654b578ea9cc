import { describe, expect, test } from 'vitest';
import { codexOutput } from '../../../src/agents/codex-output.ts';
import { agentLines } from '../../../src/cli/logs/agent-lines.ts';
import { plain } from '../../../src/cli/output.ts';

async function lines(text: string, pieceBytes = 1000): Promise<string[]> {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
  }
  const all: string[] = [];
  for await (const line of agentLines(pieces(), codexOutput(), plain)) all.push(line);
  return all;
}

const events = (...all: readonly object[]) => all.map((event) => `${JSON.stringify(event)}\n`).join('');

describe("an agent's output, as codex writes it", () => {
  const command = {
    id: 'item_2',
    type: 'command_execution',
    command: `/bin/bash -lc "sed -n '/\\"'^x$/p'\\"' a.py && cat b.py"`,
  };
  const run = events(
    { type: 'thread.started', thread_id: 't' },
    { type: 'turn.started' },
    { type: 'item.completed', item: { id: 'item_1', type: 'agent_message', text: 'Let me look.' } },
    { type: 'item.started', item: { ...command, aggregated_output: '', exit_code: null } },
    { type: 'item.completed', item: { ...command, aggregated_output: 'x\nno b.py\n', exit_code: 1 } },
    { type: 'turn.completed', usage: { input_tokens: 56748, cached_input_tokens: 44705, output_tokens: 834 } },
  );

  test('reads like a terminal', async () => {
    expect(await lines(run)).toEqual([
      'session t',
      '',
      'Let me look.',
      '',
      `$ sed -n '/"'^x$/p'"' a.py && cat b.py`,
      '  x',
      '  no b.py',
      '  exit code 1',
    ]);
  });

  test('is the same in whatever pieces it comes', async () => {
    expect(await lines(run, 1)).toEqual(await lines(run));
  });

  test('shows why a turn failed', async () => {
    expect(await lines(events({ type: 'turn.failed', error: { message: 'no such model' } }))).toEqual([
      '✗ no such model',
    ]);
  });

  test('shows changed files and plans', async () => {
    const changes = [{ path: '/app/a.py', kind: 'update' }];
    const items = [
      { text: 'look', completed: true },
      { text: 'mend', completed: false },
    ];
    expect(
      await lines(
        events(
          { type: 'item.completed', item: { type: 'file_change', changes } },
          { type: 'item.completed', item: { type: 'todo_list', items } },
        ),
      ),
    ).toEqual(['→ changed /app/a.py', '  ☑ look', '  ☐ mend']);
  });
});

describe('any other output', () => {
  test.each(['plain words', '{"type":"of my own"}', '{not json', '  indented'])('stays as it is: %s', async (line) => {
    expect(await lines(`${line}\n`)).toEqual([line]);
  });

  test('need not end with a line end, nor be cut between characters', async () => {
    expect(await lines('ü 漢字', 1)).toEqual(['ü 漢字']);
  });

  test('does nothing to the terminal', async () => {
    expect(await lines('\u001B[2Jhello\n')).toEqual(['hello']);
  });
});
