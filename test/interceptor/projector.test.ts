import { appendFile, readdir, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ownIdentity } from '../../src/embedded/process-identity.ts';
import { Journal } from '../../src/interceptor/journal/journal.ts';
import { journalPath } from '../../src/interceptor/journal/names.ts';
import type { CallSink } from '../../src/interceptor/projection/call-sink.ts';
import type { BlobStore } from '../../src/store/blobs.ts';
import { fileBlobs } from '../../src/store/file-blobs.ts';
import { openTestStore } from '../support/store.ts';
import { never, temporaryFolder } from './support/interceptor.ts';
import { memorySink, runProjector } from './support/projection.ts';

/** A process that has ended: no pid is that great. */
const deadOwner = { pid: 2 ** 30, start: 'boot/1' };

async function openJournal(
  directory: string,
  owner: { pid: number; start: string } = ownIdentity(),
  rotateBytes = 1_000_000,
  rotateMs?: number,
): Promise<Journal> {
  const onError = (error: Error) => {
    throw error;
  };
  return Journal.open({ directory, owner, onError, rotateBytes, ...(rotateMs !== undefined && { rotateMs }) });
}

function begin(journal: Journal, body: string, attempt = 1) {
  const opening = {
    rolloutId: 'rollout-1',
    attempt,
    dialect: 'openai-chat',
    method: 'POST',
    path: '/v1/chat/completions',
    upstream: 'openai',
    startedAt: Date.now(),
    contentEncoding: null,
  } as const;
  return journal.begin(opening, Buffer.from(body));
}

const answer = { status: 200, contentType: 'application/json', contentEncoding: null };

async function placeOf(journal: Journal) {
  await journal.flush();
  return journal.place;
}

async function blobFolder(): Promise<BlobStore> {
  return fileBlobs(await temporaryFolder());
}

test('a call is saved, with its bodies, when it ends', async () => {
  const directory = await temporaryFolder();
  const [sink, blobs, journal] = [memorySink(), await blobFolder(), await openJournal(directory)];
  const { projector } = runProjector(directory, sink, blobs);
  const log = begin(journal, '{"model":"gpt-4.1-mini"}');
  log.head(answer);
  log.chunk(Buffer.from('{"id":"chatcmpl-1",'));
  log.chunk(Buffer.from('"model":"gpt-4.1-mini-2025-04-14"}'));
  await projector.drain(await placeOf(journal), never);
  expect(sink.calls.size).toBe(0);

  log.close('ok', null);
  await projector.drain(await placeOf(journal), never);
  const [call] = [...sink.calls.values()];
  expect(call).toMatchObject({
    id: log.id,
    status: 'ok',
    requestedModel: 'gpt-4.1-mini',
    responseModel: 'gpt-4.1-mini-2025-04-14',
    responseId: 'chatcmpl-1',
  });
  expect((await blobs.get(call?.requestRef ?? '')).toString()).toBe('{"model":"gpt-4.1-mini"}');
  expect((await blobs.get(call?.responseRef ?? '')).toString()).toBe(
    '{"id":"chatcmpl-1","model":"gpt-4.1-mini-2025-04-14"}',
  );
  await journal.close();
});

test('calls are noticed without being asked for', async () => {
  const directory = await temporaryFolder();
  const sink = memorySink();
  runProjector(directory, sink, await blobFolder());
  const journal = await openJournal(directory);
  begin(journal, '{}').close('ok', null);
  await expect.poll(() => sink.calls.size).toBe(1);
  await journal.close();
});

test('a projector that is started anew in the middle of a call saves every call once', async () => {
  const directory = await temporaryFolder();
  const store = await openTestStore();
  const [blobs, journal] = [store.blobs, await openJournal(directory)];
  const [early, long] = [begin(journal, 'early'), begin(journal, 'long')];
  early.close('ok', null);
  long.head(answer);
  long.chunk(Buffer.from('first half, '));
  const first = runProjector(directory, store.calls, blobs);
  await first.projector.drain(await placeOf(journal), never);
  await first.stop();

  const late = begin(journal, 'late');
  late.close('ok', null);
  long.chunk(Buffer.from('second half'));
  long.close('ok', null);
  const second = runProjector(directory, store.calls, blobs);
  await second.projector.drain(await placeOf(journal), never);
  const saved = await store.calls.list('rollout-1');
  expect(saved.map(({ id }) => id)).toEqual([early.id, long.id, late.id]);
  expect((await blobs.get(saved[1]?.responseRef ?? '')).toString()).toBe('first half, second half');
  const told = (await store.events.list('rollout-1', 0, 100)).map(({ content }) => content);
  expect(told).toMatchObject([
    { type: 'call_started', call_id: long.id },
    { type: 'call_ended', call_id: early.id, status: 'ok' },
    { type: 'call_ended', call_id: late.id, status: 'ok' },
    { type: 'call_ended', call_id: long.id, status: 'ok' },
  ]);
  await second.stop();
  await journal.close();
  await store.close();
});

test('a sink that fails gets the same calls again until it takes them', async () => {
  const directory = await temporaryFolder();
  const [memory, journal] = [memorySink(), await openJournal(directory)];
  let failures = 0;
  const sink: CallSink = {
    ...memory,
    save: (...save) => (++failures < 3 ? Promise.reject(new Error('the database is away')) : memory.save(...save)),
  };
  const log = begin(journal, '{}');
  log.close('ok', null);
  const { projector, errors } = runProjector(directory, sink, await blobFolder());
  await projector.drain(await placeOf(journal), never);
  expect([...memory.calls.keys()]).toEqual([log.id]);
  const away = { message: 'the database is away' };
  expect(errors.map(({ cause }) => cause)).toMatchObject([away, away]);
  await journal.close();
});

test('calls that were open when their process died are killed, whole frames of them kept, and the journal is deleted', async () => {
  const directory = await temporaryFolder();
  const [sink, blobs, journal] = [memorySink(), await blobFolder(), await openJournal(directory, deadOwner)];
  const log = begin(journal, '{"model":"gpt-4.1-mini"}');
  log.head(answer);
  log.chunk(Buffer.from('kept'));
  const { journal: name, offset } = await placeOf(journal);
  log.chunk(Buffer.from('torn'));
  await journal.flush();
  await truncate(journalPath(directory, name), offset + 15);

  const { projector } = runProjector(directory, sink, blobs);
  await projector.drain({ journal: name, offset: offset + 15 }, never);
  expect([...sink.calls.values()]).toMatchObject([
    { id: log.id, status: 'killed', requestedModel: 'gpt-4.1-mini', responseBytes: 4, endedAt: null },
  ]);
  expect(await readdir(directory)).toEqual([]);
});

test('zeros behind the last whole frame of a dead process are no obstacle', async () => {
  const directory = await temporaryFolder();
  const [sink, journal] = [memorySink(), await openJournal(directory, deadOwner)];
  begin(journal, '{}').close('ok', null);
  const place = await placeOf(journal);
  await appendFile(journalPath(directory, place.journal), Buffer.alloc(10_000));
  const { projector } = runProjector(directory, sink, await blobFolder());
  await projector.drain(place, never);
  expect([...sink.calls.values()]).toMatchObject([{ status: 'ok' }]);
});

test('a journal of a living process that is complete is deleted, the one that it writes is not', async () => {
  const directory = await temporaryFolder();
  const [sink, journal] = [memorySink(), await openJournal(directory, ownIdentity(), 1000)];
  begin(journal, 'x'.repeat(2000)).close('ok', null);
  const log = begin(journal, 'in the next file');
  log.close('ok', null);
  const { projector } = runProjector(directory, sink, await blobFolder());
  await projector.drain(await placeOf(journal), never);
  expect(sink.calls.size).toBe(2);
  await expect.poll(() => readdir(directory)).toEqual([`${journal.name}.journal`]);
  await journal.close();
});

test('bodies of saved calls do not stay in the folder of an interceptor that has nothing more to do', async () => {
  const directory = await temporaryFolder();
  const [sink, journal] = [memorySink(), await openJournal(directory, ownIdentity(), 1_000_000, 20)];
  const body = `{"model":"gpt-4.1-mini","input":"${'x'.repeat(2000)}"}`;
  const log = begin(journal, body);
  log.head(answer);
  log.close('ok', null);
  runProjector(directory, sink, await blobFolder());
  const bytes = async () => {
    const sizes = (await readdir(directory)).map(async (file) => (await stat(join(directory, file))).size);
    return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  };
  await expect
    .poll(() => [...sink.calls.values()])
    .toMatchObject([{ id: log.id, status: 'ok', requestBytes: body.length }]);
  await expect.poll(bytes).toBeLessThan(body.length);
  await journal.close();
});

test('a drain also waits for what older journals hold, where saving them takes more than one try', async () => {
  const directory = await temporaryFolder();
  const [sink, journal] = [memorySink(), await openJournal(directory, ownIdentity(), 1000)];
  const older = begin(journal, 'x'.repeat(2000));
  const newer = begin(journal, 'in the next file');
  older.close('ok', null);
  newer.close('ok', null);
  const place = await placeOf(journal);
  let failures = 0;
  const failing: CallSink = {
    ...sink,
    save: (calls, name, position) =>
      name !== place.journal && failures++ === 0 ? Promise.reject(new Error('away')) : sink.save(calls, name, position),
  };
  const { projector } = runProjector(directory, failing, await blobFolder());
  await projector.drain(place, never);
  expect([...sink.calls.keys()].sort()).toEqual([older.id, newer.id]);
  await journal.close();
});

test('a drain does not wait for calls that are open', async () => {
  const directory = await temporaryFolder();
  const [sink, journal] = [memorySink(), await openJournal(directory)];
  const open = begin(journal, 'open', 2);
  const ended = begin(journal, 'ended');
  ended.close('ok', null);
  const { projector } = runProjector(directory, sink, await blobFolder());
  await projector.drain(await placeOf(journal), never);
  expect([...sink.calls.keys()]).toEqual([ended.id]);
  open.close('ok', null);
  await journal.close();
});

test('a drain ends with its signal', async () => {
  const directory = await temporaryFolder();
  const journal = await openJournal(directory);
  const { projector } = runProjector(directory, memorySink(), await blobFolder());
  const { journal: name, offset } = await placeOf(journal);
  const given = new AbortController();
  const draining = projector.drain({ journal: name, offset: offset + 1 }, given.signal);
  given.abort(new Error('enough'));
  await expect(draining).rejects.toThrow('enough');
  await journal.close();
});

test('a call that repeats a failed one byte for byte names it, in the same attempt only', async () => {
  const directory = await temporaryFolder();
  const [sink, journal] = [memorySink(), await openJournal(directory)];
  const make = (body: string, status: 'ok' | 'http_error' | 'reset', attempt = 1): string => {
    const log = begin(journal, body, attempt);
    log.close(status, null);
    return log.id;
  };
  const failed = make('turn 1', 'http_error');
  const failedAgain = make('turn 1', 'reset');
  const succeeded = make('turn 1', 'ok');
  const afterSuccess = make('turn 1', 'ok');
  const next = make('turn 2', 'ok');
  const otherAttempt = make('turn 1', 'ok', 2);
  const { projector } = runProjector(directory, sink, await blobFolder());
  await projector.drain(await placeOf(journal), never);
  const retries = Object.fromEntries([...sink.calls.values()].map(({ id, retryOf }) => [id, retryOf]));
  expect(retries).toEqual({
    [failed]: null,
    [failedAgain]: failed,
    [succeeded]: failedAgain,
    [afterSuccess]: null,
    [next]: null,
    [otherAttempt]: null,
  });
  await journal.close();
});

test('a projector that is started anew still sees that a call repeats an earlier one', async () => {
  const directory = await temporaryFolder();
  const [sink, blobs, journal] = [memorySink(), await blobFolder(), await openJournal(directory)];
  const failed = begin(journal, 'turn 1');
  failed.close('http_error', null);
  const first = runProjector(directory, sink, blobs);
  await first.projector.drain(await placeOf(journal), never);
  await first.stop();
  const again = begin(journal, 'turn 1');
  again.close('ok', null);
  const second = runProjector(directory, sink, blobs);
  await second.projector.drain(await placeOf(journal), never);
  expect(sink.calls.get(again.id)?.retryOf).toBe(failed.id);
  await journal.close();
});

test('each request is stored as what it adds to the one before it', async () => {
  const directory = await temporaryFolder();
  const [sink, blobs, journal] = [memorySink(), await blobFolder(), await openJournal(directory)];
  const bases: (string | undefined)[] = [];
  const watched: BlobStore = {
    ...blobs,
    put: (content, options) => {
      if (content.toString().startsWith('turn')) bases.push(options?.similarTo);
      return blobs.put(content, options);
    },
  };
  for (const body of ['turn 1', 'turn 1, turn 2']) begin(journal, body).close('ok', null);
  const { projector } = runProjector(directory, sink, watched);
  await projector.drain(await placeOf(journal), never);
  const [first] = [...sink.calls.values()];
  expect(bases).toEqual([undefined, first?.requestRef]);
  await journal.close();
});

test('a journal that lost its beginning with the machine is set aside and reported, and the others go on', async () => {
  const directory = await temporaryFolder();
  const [sink, journal] = [memorySink(), await openJournal(directory)];
  await appendFile(journalPath(directory, '00000000000000000000000000'), Buffer.alloc(100));
  begin(journal, '{}').close('ok', null);
  const { projector, errors } = runProjector(directory, sink, await blobFolder());
  await projector.drain(await placeOf(journal), never);
  expect(sink.calls.size).toBe(1);
  expect(errors.map(({ message }) => message)).toEqual([expect.stringContaining('has lost its beginning')]);
  expect(await readdir(directory)).toContain('00000000000000000000000000.journal.damaged');
  await journal.close();
});
