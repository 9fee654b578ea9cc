import { open, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type FrameType, frameTypes } from '../../../src/interceptor/journal/frames.ts';
import { Journal } from '../../../src/interceptor/journal/journal.ts';
import { journalPath, listJournals } from '../../../src/interceptor/journal/names.ts';
import { readFrames } from '../../../src/interceptor/journal/read-frames.ts';
import { temporaryFolder } from '../support/interceptor.ts';

const owner = { pid: 1, start: 'boot/1' };
const opening = {
  rolloutId: 'rollout-1',
  attempt: 1,
  dialect: 'openai-chat',
  method: 'POST',
  path: '/v1/chat/completions',
  upstream: 'openai',
  startedAt: 0,
  contentEncoding: null,
} as const;

const openJournal = (directory: string, rotateBytes?: number) =>
  Journal.open({
    directory,
    owner,
    onError: (error) => {
      throw error;
    },
    ...(rotateBytes !== undefined && { rotateBytes }),
  });

async function frameTypesIn(directory: string, name: string): Promise<FrameType[]> {
  const file = await open(journalPath(directory, name));
  const found: FrameType[] = [];
  for await (const { frame } of readFrames(file, 0)) found.push(frame.type);
  await file.close();
  return found;
}

const { journal: head, open: opened, request, head: answered, chunk, close, end } = frameTypes;

test('a call is in the file, whole so far, when its flush resolves', async () => {
  const directory = await temporaryFolder();
  const journal = await openJournal(directory);
  const log = journal.begin(opening, Buffer.from('{}'));
  await log.flush();
  expect(await frameTypesIn(directory, journal.name)).toEqual([head, opened, request]);
  log.close('reset', null);
  await journal.close();
});

test('a piece of an answer is written soon, without being asked for', async () => {
  const directory = await temporaryFolder();
  const journal = await openJournal(directory);
  const log = journal.begin(opening, Buffer.from('{}'));
  await log.flush();
  await new Promise((resolve) => setImmediate(resolve));
  log.chunk(Buffer.from('piece'));
  await expect.poll(() => frameTypesIn(directory, journal.name)).toContain(chunk);
  log.close('ok', null);
  await journal.close();
});

test('a full file takes no new calls, keeps those that it has, and ends with the last of them', async () => {
  const directory = await temporaryFolder();
  const journal = await openJournal(directory, 1000);
  const first = journal.name;
  const early = journal.begin(opening, Buffer.alloc(2000));
  const late = journal.begin(opening, Buffer.alloc(10));
  const second = journal.name;
  expect(second > first).toBe(true);

  late.close('ok', null);
  early.head({ status: 200, contentType: null, contentEncoding: null });
  early.chunk(Buffer.from('piece'));
  await journal.flush();
  expect(await frameTypesIn(directory, first)).toEqual([head, opened, request, answered, chunk]);
  early.close('ok', null);
  await journal.close();
  expect(await frameTypesIn(directory, first)).toEqual([head, opened, request, answered, chunk, close, end]);
  expect(await frameTypesIn(directory, second)).toEqual([head, opened, request, close, end]);
});

test('its place lies behind everything that was said, written or not', async () => {
  const directory = await temporaryFolder();
  const journal = await openJournal(directory);
  journal.begin(opening, Buffer.alloc(100_000)).close('ok', null);
  const { journal: name, offset } = journal.place;
  await journal.flush();
  const file = await open(journalPath(directory, name));
  expect((await file.stat()).size).toBe(offset);
  await file.close();
  await journal.close();
});

test('a new process writes into a new file that is greater in name, and clears away a draft', async () => {
  const directory = await temporaryFolder();
  await writeFile(journalPath(directory, '7ZZZZZZZZZ0000000000000000'), '');
  await writeFile(join(directory, 'draft.journal.tmp'), '');
  const journal = await openJournal(directory);
  expect(await listJournals(directory)).toEqual(['7ZZZZZZZZZ0000000000000000', journal.name]);
  expect(await readdir(directory)).not.toContain('draft.journal.tmp');
  await journal.close();
});

test('calls have ids in the order in which they began', async () => {
  const journal = await openJournal(await temporaryFolder());
  const logs = Array.from({ length: 100 }, () => journal.begin(opening, Buffer.alloc(0)));
  const ids = logs.map(({ id }) => id);
  expect(ids).toEqual([...new Set(ids)].sort());
  for (const log of logs) log.close('ok', null);
  await journal.close();
});
