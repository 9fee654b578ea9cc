import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findProgram } from '../../src/embedded/run-command.ts';
import { FollowDecoder, type WrappedCommand, wrapCommand } from '../../src/sandboxes/command-wrapper.ts';
import type { CommandEnd } from '../../src/sandboxes/provider.ts';
import { eventually } from '../support/project.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'harbor-wrapper-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** Shells as they stand behind /bin/sh. */
describe.each(['dash', 'bash', 'busybox'])('the command wrapper in %s', (shell) => {
  const path = `/opt/none:${process.env['PATH']}`;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(root, 'bin-'));
    const program = findProgram(shell, process.env);
    if (!program) throw new Error(`these tests need ${shell}: apt-get install dash bash busybox-static`);
    await symlink(program, join(folder, 'sh'));
  });

  const start = (command: Partial<WrappedCommand>): ChildProcessWithoutNullStreams => {
    const [, ...args] = wrapCommand({ id: randomUUID(), argv: ['true'], offset: 0, root, ...command });
    return spawn(join(folder, 'sh'), args, { env: { PATH: path } });
  };

  interface Followed {
    readonly end: CommandEnd | undefined;
    readonly output: string;
    readonly refusal: string | undefined;
    readonly errors: string;
  }

  const read = async (child: ChildProcessWithoutNullStreams): Promise<Followed> => {
    const decoder = new FollowDecoder();
    const pieces: Buffer[] = [];
    const errors: Buffer[] = [];
    let end: CommandEnd | undefined;
    child.stderr.on('data', (piece: Buffer) => errors.push(piece));
    for await (const piece of child.stdout) {
      for (const item of decoder.read(piece)) {
        if (Buffer.isBuffer(item)) pieces.push(item);
        else end = item;
      }
    }
    child.stdin.destroy();
    const output = Buffer.concat(pieces).toString('latin1');
    return { end, output, refusal: decoder.refusal, errors: Buffer.concat(errors).toString() };
  };

  const follow = (command: Partial<WrappedCommand>): Promise<Followed> => read(start(command));
  const sh = (line: string): string[] => ['sh', '-c', line];

  test('runs a command and says how it ended', async () => {
    const { end, output, errors } = await follow({ argv: sh('echo out; echo err >/dev/stderr; exit 7') });
    expect(end).toMatchObject({ kind: 'exited', exitCode: 7, outputBytes: 8 });
    expect(output).toBe('out\nerr\n');
    expect(errors).toBe('');
  });

  test('runs it as it was given, whatever is in its words', async () => {
    const words = ["it's", 'a "b"', '$HOME', '`id`', '*', '', '-n', 'two\nlines', '\\'];
    const { output } = await follow({ argv: ['printf', '%s|', ...words] });
    expect(output).toBe(words.map((word) => `${word}|`).join(''));
  });

  test('gives it the PATH that it was given itself', async () => {
    expect((await follow({ argv: sh('echo $PATH') })).output).toBe(`${path}\n`);
  });

  test('gives it no descriptor but the three, and signals as they are by default', async () => {
    const line = `ls /proc/self/fd | grep -c '^.$'; grep -E 'Sig(Ign|Blk)' /proc/self/status | cut -f 2`;
    // The fourth is that of ls for the folder itself; higher ones are not the wrapper's.
    expect((await follow({ argv: sh(line) })).output.trim().split('\n')).toEqual([
      '4',
      '0000000000000000',
      '0000000000000000',
    ]);
  });

  test('says what is wrong with the file for stdin', async () => {
    const { end, output } = await follow({ argv: ['cat'], stdin: '/no/such/file' });
    expect(end).toMatchObject({ kind: 'exited', exitCode: expect.any(Number) });
    expect(end).not.toMatchObject({ exitCode: 0 });
    expect(output).toContain('/no/such/file');
  });

  test('does not wait for what a command leaves behind', async () => {
    const { end, output } = await follow({ argv: sh('sleep 3 & echo over; exit 3') });
    expect(end).toMatchObject({ exitCode: 3 });
    expect(output).toBe('over\n');
  });

  test('starts it once for two who come at the same time', async () => {
    const command = { id: randomUUID(), argv: sh('echo $$; sleep 1; exit 5') };
    const [one, other] = await Promise.all([follow(command), follow(command)]);
    expect(one.output).toBe(other.output);
    expect([one.end, other.end]).toMatchObject([{ exitCode: 5 }, { exitCode: 5 }]);
  });

  test('follows from an offset, beyond what is a frame', async () => {
    const id = randomUUID();
    await follow({ id, argv: sh('head -c 3000000 /dev/zero; echo end') });
    const { end, output } = await follow({ id, offset: 1_500_001 });
    expect(output).toBe(`${'\0'.repeat(1_499_999)}end\n`);
    expect(end).toMatchObject({ outputBytes: 3_000_004 });
  });

  test('goes on without its reader', async () => {
    const id = randomUUID();
    const reader = start({ id, argv: sh(`echo begun; until [ -e ${root}/${id}.go ]; do sleep 0.1; done; exit 4`) });
    for await (const piece of reader.stdout) if (String(piece).includes('begun')) reader.kill('SIGKILL');
    await writeFile(join(root, `${id}.go`), '');
    const { end, output } = await follow({ id });
    expect(end).toMatchObject({ exitCode: 4 });
    expect(output).toBe('begun\n');
  });

  test('ends when its stdin does', async () => {
    const id = randomUUID();
    const first = follow({ id, argv: sh(`until [ -e ${root}/${id}.go ]; do sleep 0.1; done`) });
    await eventually('the command to be claimed', async () => existsSync(join(root, id)));
    const second = start({ id });
    second.stdin.end();
    expect((await read(second)).end).toBeUndefined();
    await writeFile(join(root, `${id}.go`), '');
    expect((await first).end).toMatchObject({ exitCode: 0 });
  });

  test('reports a command as cut off when it dies together with its record', async () => {
    const id = randomUUID();
    const followed = follow({ id, argv: sh('echo before; kill -9 $PPID; kill -9 $$') });
    expect(await followed).toMatchObject({ end: { kind: 'cut-off' }, output: 'before\n' });
  });

  test('waits for a command whose record died before it', async () => {
    const id = randomUUID();
    const { end, output } = await follow({ id, argv: sh('echo before; kill -9 $PPID; sleep 1; echo after') });
    expect(end).toEqual({ kind: 'cut-off' });
    expect(output).toBe('before\nafter\n');
  });

  test('does not take another process for the command', async () => {
    const id = randomUUID();
    await mkdir(join(root, id));
    await writeFile(join(root, id, 'out'), 'all that is left');
    await writeFile(join(root, id, 'pid'), `${process.pid} 1 5\n`);
    expect(await follow({ id })).toMatchObject({ end: { kind: 'cut-off' }, output: 'all that is left' });
  });

  test('says why where it cannot keep a record', async () => {
    const { end, refusal } = await follow({ root: join(root, 'missing') });
    expect(end).toBeUndefined();
    expect(refusal).toContain('missing');
  });
});

test('the command wrapper keeps a starter that never came so far from starting later', async () => {
  const id = randomUUID();
  await mkdir(join(root, id));
  const [program = '', ...args] = wrapCommand({ id, argv: ['true'], offset: 0, root });
  const child = spawn(program, args);
  const decoder = new FollowDecoder();
  const items: (Buffer | CommandEnd)[] = [];
  for await (const piece of child.stdout) items.push(...decoder.read(piece));
  child.stdin.destroy();
  expect(items).toEqual([{ kind: 'cut-off' }]);
  // The runner makes this file exclusively before it starts anything.
  expect(await readFile(join(root, id, 'pid'), 'utf8')).toBe('0 0 -\n');
});

describe('a follow decoder', () => {
  const end = 'exit 3 5 1 4096 2500000000\n';
  const decoded = { kind: 'exited', exitCode: 3, outputBytes: 5, oomKills: 1, peakMemoryBytes: 4096, cpuSeconds: 2.5 };

  test('gives the output byte for byte and then the end, however the stream was cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 })),
        fc.integer({ min: 1, max: 20 }),
        (frames, cut) => {
          const stream = Buffer.concat([
            Buffer.from('harbor 1\n'),
            ...frames.flatMap((frame) => [Buffer.from(`${frame.length}\n`), Buffer.from(frame)]),
            Buffer.from(end),
          ]);
          const decoder = new FollowDecoder();
          const items: (Buffer | CommandEnd)[] = [];
          for (let at = 0; at < stream.length; at += cut) items.push(...decoder.read(stream.subarray(at, at + cut)));
          expect(items.pop()).toEqual(decoded);
          expect(Buffer.concat(items.filter((item) => Buffer.isBuffer(item)))).toEqual(Buffer.concat(frames));
        },
      ),
    );
  });

  test('says null for what could not be measured', () => {
    const decoder = new FollowDecoder();
    expect([...decoder.read(Buffer.from('harbor 1\nexit 0 0 - - -\n'))]).toMatchObject([
      { oomKills: null, peakMemoryBytes: null, cpuSeconds: null },
    ]);
  });

  test('keeps what an engine says in place of the wrapper, and takes none of it for output', () => {
    const decoder = new FollowDecoder();
    expect([...decoder.read(Buffer.from('OCI runtime exec failed: no such\nfile\r\n'))]).toEqual([]);
    expect(decoder.greeted).toBe(false);
    expect(decoder.foreign).toBe('OCI runtime exec failed: no such\nfile');
  });
});
