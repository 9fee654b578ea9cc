import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { receiveUpload } from '../../src/api/intake/json-upload.ts';
import { limits } from '../../src/model/limits.ts';
import { parseJson } from '../../src/model/json.ts';
import { uploadBody } from '../../src/sdk/upload-body.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'harbor-test-body-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function archiveOf(bytes: number): Promise<string> {
  const path = join(folder, `archive-${bytes}`);
  await writeFile(path, Buffer.from(Array.from({ length: bytes }, (_, index) => index % 251)));
  return path;
}

describe('an upload body', () => {
  test('is JSON with the archive as base64', async () => {
    const archive = await archiveOf(5);
    const body = await text(Readable.from(uploadBody({ name: 'x', dockerfile: null }, archive)));
    expect(parseJson(body, z.json())).toEqual({ name: 'x', dockerfile: null, context_tar_base64: 'AAECAwQ=' });
  });

  test('has null where there is no archive', async () => {
    const body = await text(Readable.from(uploadBody({}, null)));
    expect(parseJson(body, z.json())).toEqual({ context_tar_base64: null });
  });

  // Around the pieces in which a file is read, and around base64's groups of three.
  test.each([0, 1, 2, 3, 196_607, 196_608, 196_609, 600_000])('is taken by the server with %i bytes', async (bytes) => {
    const archive = await archiveOf(bytes);
    const upload = await receiveUpload(Readable.from(uploadBody({ name: 'x "quoted"' }, archive)), {
      field: 'context_tar_base64',
      directory: folder,
      maxJsonBytes: limits.jsonBodyBytes,
      maxArchiveBytes: limits.contextBytes,
      signal: new AbortController().signal,
    });
    const received = upload.archive && upload.archive.bytes > 0 ? await readFile(upload.archive.path) : Buffer.alloc(0);
    expect(received.equals(await readFile(archive))).toBe(true);
  });
});
