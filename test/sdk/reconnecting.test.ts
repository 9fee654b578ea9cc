import { describe, expect, test } from 'vitest';
import { ApiError, UnreachableError } from '../../src/sdk/errors.ts';
import { reconnecting, resuming } from '../../src/sdk/reconnecting.ts';

const cut = () => new UnreachableError('http://server', 'ECONNREFUSED', true, undefined);
const refusal = (status: number) => new ApiError(status, { detail: `said ${status}`, code: 'x' });

/** Work that fails with each of these in turn, then succeeds. */
function failing(...errors: Error[]): () => Promise<string> {
  return async () => {
    const error = errors.shift();
    if (error) throw error;
    return 'done';
  };
}

describe('reconnecting', () => {
  test.each([502, 503, 504])('repeats work that met a %i', async (status) => {
    expect(await reconnecting()(failing(refusal(status)))).toBe('done');
  });

  test('repeats work whose connection was cut', async () => {
    expect(await reconnecting()(failing(cut(), cut()))).toBe('done');
  });

  test.each([400, 404, 409, 429, 500])('throws a %i at once: it is an answer', async (status) => {
    await expect(reconnecting()(failing(refusal(status)))).rejects.toThrow(`said ${status}`);
  });

  test('throws at once what waiting does not help', async () => {
    const unknownHost = new UnreachableError('http://nowhere', 'ENOTFOUND', false, undefined);
    await expect(reconnecting()(failing(unknownHost))).rejects.toBe(unknownHost);
  });

  test('tells of an outage once, however much work it hits, and once of its end', async () => {
    const told: string[] = [];
    const reconnect = reconnecting({ onOutage: () => told.push('gone'), onBack: () => told.push('back') });
    await Promise.all([reconnect(failing(cut(), cut())), reconnect(failing(cut())), reconnect(failing(cut(), cut()))]);
    expect(told.slice(0, 2)).toEqual(['gone', 'back']);
    expect(told.filter((word) => word === 'gone').length).toBe(told.filter((word) => word === 'back').length);
  });

  test('gives up when the outage lasts longer than it may', async () => {
    const always = () => Promise.reject(cut());
    await expect(reconnecting({ minutes: 0 })(always)).rejects.toMatchObject({
      message: expect.stringContaining('0 minutes'),
      remedy: expect.stringContaining('goes on at the server'),
    });
  });

  test('stops waiting when it is told to', async () => {
    const stop = new AbortController();
    const reconnect = reconnecting({ signal: stop.signal, onOutage: () => stop.abort() });
    await expect(reconnect(() => Promise.reject(cut()))).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('a text that is followed across outages', () => {
  test('goes on at the byte where it broke off', async () => {
    const whole = Buffer.from('one two three');
    const asked: number[] = [];
    async function* open(offset: number): AsyncGenerator<Uint8Array> {
      asked.push(offset);
      if (offset === whole.length) return;
      yield whole.subarray(offset, Math.min(whole.length, offset + 5));
      throw cut();
    }
    let text = '';
    for await (const chunk of resuming(open, reconnecting())) text += Buffer.from(chunk).toString();
    expect(text).toBe('one two three');
    expect(asked).toEqual([0, 5, 10, 13]);
  });
});
