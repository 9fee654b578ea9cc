import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { onTestFinished } from 'vitest';

/** One member as it is written into a tar, hostile ones too: nothing is checked, nothing is put right. */
export interface RawMember {
  readonly name: string | Buffer;
  readonly content?: string | Buffer;
  /** Default: `0`, a file; `5` where the name ends in `/`, `2` where there is a link. */
  readonly type?: string;
  readonly link?: string;
  readonly mode?: number;
  /** Seconds. */
  readonly mtime?: number;
  readonly uid?: number;
  readonly uname?: string;
  /** What the header claims; default: the truth. */
  readonly size?: number;
}

export const file = (name: string, content = '', more: Partial<RawMember> = {}): RawMember => ({
  name,
  content,
  ...more,
});
export const folder = (name: string, mode = 0o755): RawMember => ({ name: `${name}/`, type: '5', mode });
export const link = (name: string, target: string): RawMember => ({ name, type: '2', link: target });
export const hardLink = (name: string, target: string): RawMember => ({ name, type: '1', link: target });

/** A tar of ustar headers. */
export function tar(members: readonly RawMember[]): Buffer {
  return Buffer.concat([...members.map((member) => block(member)), Buffer.alloc(1024)]);
}

export const tarGz = (members: readonly RawMember[]): Buffer => gzipSync(tar(members));

/** A pax header for the member that follows it. */
export function pax(records: Readonly<Record<string, string>>): RawMember {
  const lines = Object.entries(records).map(([key, value]) => {
    const rest = ` ${key}=${value}\n`;
    let length = Buffer.byteLength(rest);
    while (length !== Buffer.byteLength(rest) + String(length).length) {
      length = Buffer.byteLength(rest) + String(length).length;
    }
    return `${length}${rest}`;
  });
  return { name: 'PaxHeader', type: 'x', content: lines.join('') };
}

export function block(member: RawMember): Buffer {
  const content = Buffer.from(member.content ?? '');
  const header = Buffer.alloc(512);
  Buffer.from(member.name).copy(header, 0, 0, 100);
  const type = member.type ?? '0';
  const octal = (value: number, offset: number, digits: number) =>
    header.write(`${value.toString(8).padStart(digits, '0')}\0`, offset, 'latin1');
  octal(member.mode ?? 0o644, 100, 7);
  octal(member.uid ?? 0, 108, 7);
  octal(member.uid ?? 0, 116, 7);
  octal(member.size ?? content.length, 124, 11);
  octal(member.mtime ?? 1_700_000_000, 136, 11);
  header.write('        ', 148, 'latin1');
  header.write(type, 156, 'latin1');
  header.write(member.link ?? '', 157, 100, 'utf8');
  header.write('ustar\x0000', 257, 'latin1');
  header.write(member.uname ?? '', 265, 32, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

/** A folder that is gone when the test is over. */
export async function temporaryFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'harbor-intake-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** The members as a file, as an upload leaves them. */
export async function archiveFile(directory: string, content: Buffer): Promise<string> {
  const path = join(directory, 'upload.tar.gz');
  await writeFile(path, content);
  return path;
}
