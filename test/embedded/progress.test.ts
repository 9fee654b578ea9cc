import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { showProgress } from '../../src/embedded/progress.ts';

function output(): { stream: PassThrough; text: () => string } {
  const stream = new PassThrough();
  return { stream, text: () => String(stream.read() ?? '') };
}

test('where nobody watches, a step is one plain line with what came of it', async () => {
  const { stream, text } = output();
  await showProgress(stream).step('Temporal', (report) => {
    report('first');
    report('version\n1.5.1');
    return Promise.resolve();
  });
  expect(text()).toBe('✓ Temporal  version 1.5.1\n');
});

test('a step that fails is marked, and its error goes on', async () => {
  const { stream, text } = output();
  const step = showProgress(stream).step('Temporal', () => Promise.reject(new Error('no')));
  await expect(step).rejects.toThrow('no');
  expect(text()).toBe('✗ Temporal\n');
});

test('on a terminal the line is drawn over and ends with the outcome', async () => {
  const { stream, text } = output();
  const terminal = Object.assign(stream, { isTTY: true, columns: 40 });
  await showProgress(terminal).step('Temporal', () => Promise.resolve());
  const written = text();
  expect(written).toContain('⠋ Temporal  0 s');
  expect(written.endsWith('\r\u001B[K\u001B[32m✓\u001B[0m Temporal\n')).toBe(true);
});
