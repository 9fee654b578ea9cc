import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Upload, receiveUpload } from '../../../src/api/intake/json-upload.ts';
import { temporaryFolder } from './archives.ts';

const field = 'context_tar_base64';

interface Bounds {
  readonly maxJsonBytes?: number;
  readonly maxArchiveBytes?: number;
}

function receive(directory: string, chunks: Iterable<Buffer> | Readable, bounds: Bounds = {}): Promise<Upload> {
  const stream = chunks instanceof Readable ? chunks : Readable.from(chunks, { objectMode: true });
  const signal = new AbortController().signal;
  return receiveUpload(stream, { field, directory, maxJsonBytes: 10_000, maxArchiveBytes: 10_000, signal, ...bounds });
}

/** The text in pieces of these lengths, over and over. */
function cut(text: string | Buffer, lengths: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text);
  const pieces = [];
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const length = lengths[turn % lengths.length] ?? 1;
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  return pieces;
}

const lengths = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 });
/** As some encoders write: every character, or only slashes, as an escape. */
const spellings = [
  (text: string) => JSON.stringify(text),
  (text: string) => JSON.stringify(text).replaceAll('/', '\\/'),
  (text: string) =>
    `"${text.replaceAll(/./g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`,
  (text: string) => JSON.stringify(text.replaceAll(/.{76}/g, '$&\n')),
];

describe('an upload', () => {
  test('gives the archive byte for byte and the rest as JSON, wherever the body is cut', async () => {
    const directory = await temporaryFolder();
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue(), { maxKeys: 5 }),
        fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 5 }),
        fc.uint8Array({ maxLength: 400 }),
        fc.constantFrom(...spellings),
        fc.constantFrom(undefined, 1),
        lengths,
        async (before, after, bytes, spell, indent, pieces) => {
          const mark = '@archive@';
          const whole = { ...before, [field]: mark, ...after };
          const text = JSON.stringify(whole, undefined, indent).replace(`"${mark}"`, () =>
            spell(Buffer.from(bytes).toString('base64')),
          );
          const { body, archive, sha256 } = await receive(directory, cut(text, pieces));
          expect(sha256).toBe(createHash('sha256').update(text).digest('hex'));
          expect(JSON.parse(body)).toEqual(JSON.parse(JSON.stringify({ ...whole, [field]: null })));
          expect(archive?.bytes).toBe(bytes.length);
          expect(await readFile(archive?.path ?? '')).toEqual(Buffer.from(bytes));
        },
      ),
      { numRuns: 300 },
    );
  });

  test('takes the field at the top alone', async () => {
    const text = `{"metadata":{"${field}":"####"},"list":["${field}",{"${field}":"####"}],"x":"${field}"}`;
    const { body, archive } = await receive(await temporaryFolder(), [Buffer.from(text)]);
    expect([body, archive]).toEqual([text, null]);
  });

  test('knows the field by any spelling of its key', async () => {
    const { archive } = await receive(await temporaryFolder(), cut('{"context\\u005ftar_base64":"QUJD"}', [3]));
    expect(await readFile(archive?.path ?? '', 'utf8')).toBe('ABC');
  });

  test.each([
    ['null', '{"context_tar_base64":null}'],
    ['absent', '{"name":"x"}'],
  ])('has no archive where the field is %s', async (_, text) => {
    const directory = await temporaryFolder();
    expect(await receive(directory, [Buffer.from(text)])).toMatchObject({ body: text, archive: null });
    expect(await readdir(directory)).toEqual([]);
  });

  test('may have an empty body, which old clients send to /build', async () => {
    expect(await receive(await temporaryFolder(), [])).toMatchObject({ body: '{}', archive: null });
  });

  test('is as large as the limit says, to the byte', async () => {
    const text = `{"context_tar_base64":"${Buffer.alloc(500, 7).toString('base64')}"}`;
    const { archive } = await receive(await temporaryFolder(), cut(text, [64]), { maxArchiveBytes: 500 });
    expect(archive?.bytes).toBe(500);
  });
});

describe('refused, with the field named and no file left', () => {
  const archive = gzipSync('x').toString('base64');
  test.each([
    ['a character that is not base64', `{"${field}":"QUJ-"}`, field, 'not base64'],
    ['padding in the middle', `{"${field}":"QQ==QUJD"}`, field, 'not base64'],
    ['a quantum that is cut', `{"${field}":"QUJDQ"}`, field, 'not base64'],
    ['characters beyond latin', `{"${field}":"QUJDé"}`, field, 'not base64'],
    ['a number for the archive', `{"${field}":5}`, field, 'base64 text or null'],
    ['an object for the archive', `{"${field}":{"${field}":"QUJD"}}`, field, 'base64 text or null'],
    ['the field twice', `{"${field}":"${archive}","a":1,"${field}":null}`, field, 'twice'],
    ['a list', `["${field}","${archive}"]`, 'body', 'object'],
    ['a missing colon', `{"${field}" "${archive}"}`, 'body', 'not valid JSON'],
    ['a value that follows a value', `{"${field}":"${archive}" "x"}`, 'body', 'not valid JSON'],
    ['a line break inside a string', `{"${field}":"QUJD\nQUJD"}`, 'body', 'not valid JSON'],
    ['an escape that JSON has not', `{"${field}":"\\x41UJD"}`, 'body', 'not valid JSON'],
    ['text behind the end', `{"${field}":"${archive}"}}`, 'body', 'not valid JSON'],
    ['a body that ends in the archive', `{"${field}":"QUJDQUJD`, 'body', 'complete'],
    ['a body that ends behind it', `{"${field}":"QUJD"`, 'body', 'complete'],
    ['bytes that are not UTF-8', Buffer.from(`{"${field}":"QUJD","a":"\xff"}`, 'latin1'), 'body', 'UTF-8'],
    ['too large an archive', `{"${field}":"${'QUJD'.repeat(400)}"}`, field, '1000 bytes'],
    ['too large a rest', `{"${field}":"QUJD","a":"${'b'.repeat(3000)}"}`, 'body', '2000 bytes'],
  ])('%s', async (_, text, fault, message) => {
    const directory = await temporaryFolder();
    const refused = receive(directory, cut(text, [7]), { maxArchiveBytes: 1000, maxJsonBytes: 2000 });
    await expect(refused).rejects.toMatchObject({ failureClass: 'invalid_request', field: fault });
    await expect(refused).rejects.toThrow(message);
    expect(await readdir(directory)).toEqual([]);
  });

  test('a connection that breaks off', async () => {
    const directory = await temporaryFolder();
    const broken = Readable.from(
      (function* () {
        yield Buffer.from(`{"${field}":"QUJDQUJD`);
        throw new Error('aborted');
      })(),
    );
    await expect(receive(directory, broken)).rejects.toMatchObject({ failureClass: 'invalid_request', field: 'body' });
    expect(await readdir(directory)).toEqual([]);
  });

  test('what comes behind the fault is not read, and the connection left for the answer', async () => {
    const stream = Readable.from(cut(`{"${field}":"####${'QUJD'.repeat(1000)}"}`, [10]), { highWaterMark: 1 });
    await expect(receive(await temporaryFolder(), stream)).rejects.toThrow('base64');
    expect(stream.destroyed).toBe(false);
    expect(Buffer.concat(await stream.toArray()).length).toBeGreaterThan(3000);
  });
});

test('an upload that is aborted ends with the reason given', async () => {
  const directory = await temporaryFolder();
  const controller = new AbortController();
  const stream = new Readable({ read() {} });
  stream.push(`{"${field}":"QUJD`);
  const { signal } = controller;
  const upload = receiveUpload(stream, { field, directory, maxJsonBytes: 1000, maxArchiveBytes: 1000, signal });
  controller.abort(new Error('the server stops'));
  await expect(upload).rejects.toThrow('the server stops');
  expect(await readdir(directory)).toEqual([]);
});
