import { describe, expect, test } from 'vitest';
import { commandOf, readResult } from '../../../src/cli/trace/tool-text.ts';

describe('the command of a tool call', () => {
  test.each([
    ['exec_command of codex', '{"cmd":"ls -la","yield_time_ms":30000}', 'ls -la'],
    ['a shell that takes a list', '{"command":["bash","-lc","cd x && ls"]}', 'cd x && ls'],
    ['a shell that takes words', '{"command":["ls","-la"]}', 'ls -la'],
    ['a shell that takes a script', '{"script":"ls"}', 'ls'],
    ["codex's code mode", 'text(await tools.exec_command({"cmd":"ls {a,b}","yield_time_ms":1}));', 'ls {a,b}'],
  ])('is found in %s', (_what, input, command) => {
    expect(commandOf(input)).toBe(command);
  });

  test.each([
    ['other tools', '{"path":"a.txt"}'],
    ['patches', '*** Begin Patch\n*** End Patch'],
    ['nothing', ''],
    ['commands that are none', '{"command":{"x":1}}'],
  ])('is not there in %s', (_what, input) => {
    expect(commandOf(input)).toBeUndefined();
  });
});

describe("a tool's answer", () => {
  test('is freed of what codex puts around it', () => {
    const text =
      'Chunk ID: f26da7\nWall time: 0.0000 seconds\nProcess exited with code 1\nOriginal token count: 25\nOutput:\nno such file\n';
    expect(readResult(text)).toEqual({ text: 'no such file\n', exitCode: 1 });
  });
  test('has no exit code while the command runs', () => {
    const text = 'Chunk ID: 1\nWall time: 30.0 seconds\nProcess running with session ID 7\nOutput:\nstill here';
    expect(readResult(text)).toEqual({ text: 'still here', exitCode: null });
  });
  test("tells Claude Code's exit code, which it gives where it is not 0", () => {
    expect(readResult('Exit code 2\nls: no such file')).toEqual({ text: 'ls: no such file', exitCode: 2 });
  });
  test('may be JSON with its exit code beside it', () => {
    expect(readResult('{"output":"x\\n","metadata":{"exit_code":2,"duration_seconds":0.1}}')).toEqual({
      text: 'x\n',
      exitCode: 2,
    });
  });
  test.each(['', 'plain text', '{"other":1}', 'Output:\nthis is all mine'])('stays as it is otherwise: %j', (text) => {
    expect(readResult(text)).toEqual({ text, exitCode: null });
  });
});
