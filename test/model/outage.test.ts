import { connect } from 'node:net';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { HarborError } from '../../src/model/errors.ts';
import { isOutage } from '../../src/model/outage.ts';

const thrownBy = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );
const coded = (code: string) => Object.assign(new Error('of the server'), { code });

describe('an outage', () => {
  test('is a port where nobody listens, and a socket that is not there', async () => {
    expect(isOutage(await thrownBy(once(connect({ port: 1, host: '127.0.0.1' }), 'connect')))).toBe(true);
    expect(isOutage(await thrownBy(once(connect({ path: '/nowhere/engine.sock' }), 'connect')))).toBe(true);
  });

  test('is a database server that ends, starts, or breaks a connection', () => {
    const codes = ['57P01', '57P02', '57P03', '08006', '08001', '53300'];
    expect(codes.filter((code) => !isOutage(coded(code)))).toEqual([]);
    expect(isOutage(new Error('Connection terminated unexpectedly'))).toBe(true);
  });

  test('is seen through what it caused', () => {
    const cause = new AggregateError([new Error('one'), coded('ECONNREFUSED')]);
    expect(isOutage(new HarborError('sandbox_failed', 'it could not be made', { cause }))).toBe(true);
  });

  test('is no mistake of the asker', async () => {
    expect(isOutage(await thrownBy(readFile('/nowhere/file')))).toBe(false);
    expect(['23505', '42P01', '57014'].filter((code) => isOutage(coded(code)))).toEqual([]);
    expect(isOutage('ECONNREFUSED')).toBe(false);
  });

  test('is not looked for without an end', () => {
    const error = new Error('its own cause');
    error.cause = error;
    expect(isOutage(error)).toBe(false);
  });
});
