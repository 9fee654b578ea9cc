import { expect, test } from 'vitest';
import type { Json } from '../../../src/model/json.ts';
import { toolDefinitions } from '../../../src/trace/atif/tool-definitions.ts';

const parameters = { type: 'object', properties: { command: { type: 'string' } } };
const bash = { type: 'function', function: { name: 'bash', description: 'Runs a command.', parameters } };
const flat = { type: 'function', name: 'bash', description: 'Runs a command.', parameters };
const text = { type: 'object', properties: { input: { type: 'string' } }, required: ['input'] };

test.each<[string, Json]>([
  ['Chat Completions', { tools: [bash] }],
  ['Responses', { tools: [flat] }],
  ['Responses, grouped', { tools: [{ type: 'namespace', name: 'functions', tools: [flat] }] }],
  ['Responses, in an item of the input', { input: [{ type: 'message' }, { type: 'additional_tools', tools: [flat] }] }],
  ['Messages', { tools: [{ name: 'bash', description: 'Runs a command.', input_schema: parameters }] }],
])('a tool of %s is a function', (_, request) => {
  expect(toolDefinitions(request)).toEqual([bash]);
});

test('a tool that takes any text is a function of one', () => {
  expect(toolDefinitions({ tools: [{ type: 'custom', name: 'apply_patch', format: {} }] })).toEqual([
    { type: 'function', function: { name: 'apply_patch', parameters: text } },
  ]);
});

test('a tool that the provider runs goes by its type', () => {
  expect(toolDefinitions({ tools: [{ type: 'web_search' }, { type: 'bash_20250124', name: 'bash' }] })).toEqual([
    { type: 'function', function: { name: 'web_search' } },
    { type: 'function', function: { name: 'bash' } },
  ]);
});

test.each<Json>([null, 'text', {}, { tools: null, input: 'text' }, { tools: [null, 7, {}], input: [null] }])(
  'a request without tools has none: %j',
  (request) => {
    expect(toolDefinitions(request)).toEqual([]);
  },
);
