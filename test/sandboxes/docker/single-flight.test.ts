import { expect, test } from 'vitest';
import { startFlight } from '../../../src/sandboxes/docker/single-flight.ts';

const waiter = () => {
  const abort = new AbortController();
  const heard: string[] = [];
  return { abort, heard, onLog: (text: string) => void heard.push(text), signal: abort.signal };
};

test('work in flight tells all who wait, and all get its result', async () => {
  const release = Promise.withResolvers<number>();
  const flight = startFlight(async ({ onLog }) => {
    onLog('begun');
    const result = await release.promise;
    onLog('over');
    return result;
  });
  const [one, other] = [waiter(), waiter()];
  const results = [flight.join(one), flight.join(other)];
  release.resolve(42);
  expect(await Promise.all(results)).toEqual([42, 42]);
  expect(one.heard).toEqual(['begun', 'over']);
  expect(other.heard).toEqual(one.heard);
});

test('work in flight goes on for those who stay', async () => {
  const release = Promise.withResolvers<string>();
  const flight = startFlight(() => release.promise);
  const [leaves, stays] = [waiter(), waiter()];
  const [left, stayed] = [flight.join(leaves), flight.join(stays)];
  leaves.abort.abort(new Error('has left'));
  await expect(left).rejects.toThrow('has left');
  release.resolve('done');
  expect(await stayed).toBe('done');
  expect(flight.abandoned()).toBe(false);
});

test('work in flight stops when the last has left, and cannot be joined again', async () => {
  const flight = startFlight(
    ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(new Error('was stopped')));
      }),
  );
  const only = waiter();
  const left = flight.join(only);
  await Promise.resolve();
  only.abort.abort(new Error('has left'));
  await expect(left).rejects.toThrow('has left');
  await flight.over;
  expect(flight.abandoned()).toBe(true);
});
