import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { GrantBook } from '../../src/interceptor/grants.ts';
import { temporaryFolder } from './support/interceptor.ts';

const attempt = { rolloutId: 'rollout-1', attempt: 1 };
const granted = { ...attempt, models: ['gpt-4.1-mini'], script: { turns: [{ say: 'hello' }] } };

async function reopen(book: GrantBook, directory: string): Promise<GrantBook> {
  await book.close();
  return GrantBook.open(directory);
}

test('a grant holds until the attempt is revoked', async () => {
  const book = await GrantBook.open(await temporaryFolder());
  expect(book.find(attempt)).toBeUndefined();
  await book.grant(granted);
  expect(book.find(attempt)).toEqual(granted);
  await book.revoke(attempt);
  expect(book.find(attempt)).toBeUndefined();
  await book.close();
});

test('grants and revocations outlive a restart, and a second one', async () => {
  const directory = await temporaryFolder();
  let book = await GrantBook.open(directory);
  await book.grant(granted);
  await book.revoke({ ...attempt, attempt: 2 });
  for (const _ of [1, 2]) {
    book = await reopen(book, directory);
    expect(book.find(attempt)).toEqual(granted);
    expect(book.isRevoked({ ...attempt, attempt: 2 })).toBe(true);
  }
  await book.close();
});

test('a revoked attempt never lives again', async () => {
  const directory = await temporaryFolder();
  let book = await GrantBook.open(directory);
  await book.grant(granted);
  await book.revoke(attempt);
  await book.grant(granted);
  expect(book.find(attempt)).toBeUndefined();
  book = await reopen(book, directory);
  expect(book.find(attempt)).toBeUndefined();
  await book.close();
});

test('a revocation wins over a grant that was on its way', async () => {
  const directory = await temporaryFolder();
  const book = await GrantBook.open(directory);
  const granting = book.grant(granted);
  await book.revoke(attempt);
  await granting;
  expect(book.find(attempt)).toBeUndefined();
  const again = await reopen(book, directory);
  expect(again.find(attempt)).toBeUndefined();
  await again.close();
});

test('what a crash left of a line spoils neither the lines before nor those after it', async () => {
  const directory = await temporaryFolder();
  let book = await GrantBook.open(directory);
  await book.grant(granted);
  await appendFile(join(directory, 'grants.jsonl'), '\n{"type":"grant","grant":{"rolloutId":"torn"');
  await book.grant({ ...granted, attempt: 2 });
  book = await reopen(book, directory);
  expect(book.find(attempt)).toEqual(granted);
  expect(book.find({ ...attempt, attempt: 2 })).toBeDefined();
  await book.close();
});

test('a revocation is forgotten after a month, and what it ended stays dead', async () => {
  const directory = await temporaryFolder();
  const month = 31 * 24 * 3600 * 1000;
  const lines = [
    { type: 'grant', grant: granted },
    { type: 'revocation', attempt: 'rollout-1.1', at: Date.now() - month },
  ];
  await appendFile(join(directory, 'grants.jsonl'), lines.map((line) => `\n${JSON.stringify(line)}`).join(''));
  const book = await GrantBook.open(directory);
  expect(book.find(attempt)).toBeUndefined();
  expect(await readFile(join(directory, 'grants.jsonl'), 'utf8')).toBe('');
  await book.close();
});
