import { describe, expect, test } from 'vitest';
import { note } from '../../src/cli/output.ts';
import { type LiveRow, showLive } from '../../src/cli/live.ts';

/** A stream that is a terminal of that size, or none, and what was written to it. */
function recorded(terminal?: { readonly columns: number; readonly rows: number }) {
  let written = '';
  const write = (text: string): void => {
    written += text;
  };
  const take = (): string => {
    const taken = written;
    written = '';
    return taken;
  };
  return { stream: { ...terminal, isTTY: terminal !== undefined, write }, take };
}

const row = (key: string, state: string, text = `${key} ${state}`): LiveRow => ({ key, state, text });

describe('where lines cannot be rewritten', () => {
  test('a line is written when its state changes, not when its text does', () => {
    const { stream, take } = recorded();
    let rows = [row('a', 'queued'), row('b', 'queued')];
    const live = showLive(stream, () => rows);
    expect(take()).toBe('a queued\nb queued\n');
    rows = [row('a', 'queued', 'a queued for 2 s'), row('b', 'running')];
    live.refresh();
    expect(take()).toBe('b running\n');
    live.end();
    expect(take()).toBe('');
  });
});

test('where lines cannot be rewritten nothing is written of what has no news yet', () => {
  const { stream, take } = recorded();
  showLive(stream, () => [{ key: 'a', state: undefined, text: 'waiting' }]).end();
  expect(take()).toBe('');
});

describe('on a terminal', () => {
  test('the block is rewritten in place, and stays as it was last', () => {
    const { stream, take } = recorded({ columns: 80, rows: 24 });
    let rows = [row('a', 'queued'), row('b', 'queued')];
    const live = showLive(stream, () => rows);
    expect(take()).toBe('a queued\nb queued\n');
    rows = [row('a', 'done'), row('b', 'done')];
    live.end();
    expect(take()).toBe('\u001B[2A\u001B[Ja done\nb done\n');
  });

  test('a note stands above the block', () => {
    const { stream, take } = recorded({ columns: 80, rows: 24 });
    const live = showLive(stream, () => [row('a', 'queued')]);
    take();
    note('hello');
    expect(take()).toBe('\u001B[1A\u001B[Jhello\na queued\n');
    live.end();
  });

  test('no line is longer than the screen is wide, since a broken one could not be erased', () => {
    const { stream, take } = recorded({ columns: 10, rows: 24 });
    showLive(stream, () => [row('a', 'x', 'a text of many words')]).end();
    expect(take().split('\n')[0]).toBe('a text o…');
  });

  test('where there is no room for all, those that wait are left out first', () => {
    const { stream, take } = recorded({ columns: 80, rows: 4 });
    const rows = [{ ...row('a', 'queued'), minor: true }, row('b', 'running'), row('c', 'running'), row('d', 'done')];
    showLive(stream, () => rows).end();
    expect(take().split('\n').slice(0, 3)).toEqual(['b running', 'c running', '  … and 2 more']);
  });
});
