import { expect, test } from 'vitest';
import { callShell } from '../../../src/interceptor/scripted/shell-tool.ts';

const tool = (name: string, properties: Record<string, object>, required: string[] = []) => ({
  type: 'function',
  name,
  parameters: {
    properties: Object.fromEntries(
      Object.entries(properties).map(([key, value]) => [key, { type: undefined, ...value }]),
    ),
    required,
  },
});
const text = { type: 'string' };

test.each([
  [
    'codex',
    tool('exec_command', { cmd: text, yield_time_ms: { type: 'number' } }),
    { cmd: 'ls', yield_time_ms: 30_000 },
  ],
  ['a list of words', tool('shell', { command: { type: 'array' } }), { command: ['sh', '-c', 'ls'] }],
  ['a line', tool('shell', { command: text }), { command: 'ls' }],
  [
    'one that insists on a description',
    tool('bash', { command: text, description: text, timeout: { type: 'number' } }, ['command', 'description']),
    { command: 'ls', description: 'next step of the script' },
  ],
  ['Claude Code', tool('Bash', { command: text }), { command: 'ls' }],
])('a shell that takes its command as %s', (_, offered, input) => {
  expect(callShell([tool('view_image', { path: text }), offered], 'ls')).toEqual({
    name: offered.name,
    kind: 'function',
    input: JSON.stringify(input),
  });
});

test("a shell inside codex's code mode is asked in JavaScript", () => {
  const exec = { type: 'custom', name: 'exec', description: 'Run JavaScript … `await tools.exec_command(...)` …' };
  expect(callShell([exec], 'echo "hi"')).toEqual({
    name: 'exec',
    kind: 'custom',
    input: 'text(await tools.exec_command({"cmd":"echo \\"hi\\"","yield_time_ms":30000}));',
  });
});

test.each([
  ['no tools', []],
  ['tools that are no shell', [tool('apply_patch', { input: text })]],
  ['a tool with the name of a shell that takes no command', [tool('exec', { code: text })]],
])('%s: no call', (_, offered) => {
  expect(callShell(offered, 'ls')).toBeUndefined();
});
