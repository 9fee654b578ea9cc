import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { type Intake, takeContext } from '../../../src/api/intake/context.ts';
import { readArchive } from '../../../src/api/intake/read-archive.ts';
import { UnpackedArchive } from '../../../src/api/intake/unpacked-archive.ts';
import { type RawMember, archiveFile, tarGz, temporaryFolder } from './archives.ts';

/** Given with every archive, unless a test says otherwise. */
export const dockerfile = 'FROM debian\nCOPY . /app\n';
export const signal = new AbortController().signal;

interface Given {
  readonly dockerfile?: string | null;
  readonly directory?: string;
}

export async function take(members: readonly RawMember[], given: Given = {}): Promise<Intake> {
  const archivePath = await archiveFile(await temporaryFolder(), tarGz(members));
  const directory = given.directory ?? (await temporaryFolder());
  return takeContext({ archivePath, dockerfile, directory, signal, ...given });
}

/** What is in a plain tar: a file's content, a link's target, `/` for a folder. */
export async function contents(path: string | null | undefined): Promise<Readonly<Record<string, string>>> {
  await using archive = await UnpackedArchive.create(join(await temporaryFolder(), 'unpacked.tar'));
  const packed = gzipSync(await readFile(path ?? ''));
  const found: Record<string, string> = {};
  for (const [name, member] of await readArchive(Readable.from([packed]), archive, signal)) {
    if (member.type === 'file') found[name] = await text(Readable.from(archive.read(member)));
    else found[name] = member.type === 'link' ? `-> ${member.target}` : '/';
  }
  return found;
}
