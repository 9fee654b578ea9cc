import { createHash, randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { Awaited, type Fixture } from './subject.ts';

/** What `run` promises. */
export function commandContract(fixture: Fixture): void {
  describe('a command', () => {
    let box: string;
    beforeAll(async () => {
      box = await fixture.box({ env: { FROM_BOX: 'box' }, files: [{ path: '/work/input', content: 'from a file' }] });
    });

    test('gives its exit code, and its stdout and stderr as one', async () => {
      const { end, text } = await fixture.run(box, 'echo out; echo err >&2; exit 7');
      expect(end).toMatchObject({ kind: 'exited', exitCode: 7, outputBytes: 8 });
      expect(text).toBe('out\nerr\n');
    });

    test('that a signal ends has 128 and its number for an exit code', async () => {
      expect((await fixture.run(box, 'kill -9 $$')).end).toMatchObject({ kind: 'exited', exitCode: 137 });
    });

    test('of a program that is not there ends with 127 and says so', async () => {
      const { end, text } = await fixture.run(box, ['no-such-program']);
      expect(end).toMatchObject({ kind: 'exited', exitCode: 127 });
      expect(text).toContain('no-such-program');
    });

    test('keeps every byte of its output', async () => {
      const { end, output } = await fixture.run(
        box,
        `perl -e 'srand 1; print pack "C*", map { int rand 256 } 1 .. 100_000 for 1 .. 30' | tee bytes; printf '\\303'`,
      );
      const sum = await fixture.read(box, 'sha256sum < bytes');
      expect(createHash('sha256').update(output.subarray(0, -1)).digest('hex')).toBe(sum.split(' ')[0]);
      expect(output.at(-1)).toBe(0o303);
      expect(end).toMatchObject({ outputBytes: 3_000_001 });
    });

    test('may write to /dev/stderr by that name without loss of what was printed before', async () => {
      expect((await fixture.run(box, 'echo one; echo two > /dev/stderr; echo three')).text).toBe('one\ntwo\nthree\n');
    });

    test('has the image as its surroundings, and the environment of box and command', async () => {
      const { text } = await fixture.run(box, 'pwd; id -u; echo $ENVIRONMENT $FROM_BOX $FROM_COMMAND', {
        env: { FROM_COMMAND: 'a  b' },
      });
      expect(text).toBe('/work\n0\nimage box a b\n');
    });

    test('has no environment but that', async () => {
      const names = await fixture.read(box, 'env | cut -d = -f 1 | sort');
      expect(names.split('\n')).toEqual(['ENVIRONMENT', 'FROM_BOX', 'HOME', 'HOSTNAME', 'PATH', 'PWD']);
    });

    test('runs as the user and where it is told to', async () => {
      expect((await fixture.run(box, 'id -un; pwd', { user: 'joe', cwd: '/home/joe' })).text).toBe('joe\n/home/joe\n');
    });

    test('finds nothing on its stdin, or a file', async () => {
      expect((await fixture.run(box, ['cat'])).text).toBe('');
      expect((await fixture.run(box, ['cat'], { stdin: '/work/input' })).text).toBe('from a file');
    });

    test('takes signals as any other process does', async () => {
      expect((await fixture.read(box, "grep -E 'Sig(Ign|Blk)' /proc/self/status")).match(/[0-9a-f]{16}/g)).toEqual([
        '0'.repeat(16),
        '0'.repeat(16),
      ]);
    });

    test('may signal its own process group without harm to its record', async () => {
      expect((await fixture.run(box, "trap '' TERM; kill -TERM 0; exit 3")).end).toMatchObject({ exitCode: 3 });
    });

    test('is over when its main process is, whatever that leaves behind', async () => {
      const { end, text } = await fixture.run(box, 'sleep 1000 & echo started; exit 4');
      expect(end).toMatchObject({ exitCode: 4 });
      expect(text).toBe('started\n');
    });

    test('is followed while it runs', async () => {
      const first = new Awaited('first');
      const running = fixture.run(box, 'echo first; until [ -e go-on ]; do sleep 0.1; done; echo second', {
        onOutput: first.listen,
      });
      await first.heard;
      await fixture.read(box, 'touch go-on');
      await running;
      expect(first.text).toBe('first\nsecond\n');
    });

    test('waits for a slow reader and needs no memory for what he has not read', async () => {
      let [bytes, most] = [0, 0];
      const before = process.memoryUsage().rss;
      await fixture.run(box, 'head -c 100000000 /dev/zero', {
        onOutput: async (piece) => {
          bytes += piece.length;
          most = Math.max(most, process.memoryUsage().rss - before);
          await setImmediate();
        },
      });
      expect(bytes).toBe(100_000_000);
      expect(most).toBeLessThan(60_000_000);
    });

    test('whose reader fails ends the call with his error', async () => {
      const onOutput = () => Promise.reject(new Error('the reader is full'));
      await expect(fixture.run(box, 'echo something', { onOutput })).rejects.toThrow('the reader is full');
    });

    test('reports what it used', async () => {
      const { end } = await fixture.run(box, 'true');
      expect(end).toMatchObject({ oomKills: 0, peakMemoryBytes: expect.any(Number), cpuSeconds: expect.any(Number) });
    });

    test('reports what the kernel killed for want of memory', async () => {
      const { end } = await fixture.run(box, 'tail /dev/zero; exit 5');
      expect(end).toMatchObject({ kind: 'exited', exitCode: 5, oomKills: 1 });
    });
  });

  describe('a command that is followed again', () => {
    let box: string;
    beforeAll(async () => {
      box = await fixture.box();
    });

    test('is not started again', async () => {
      const id = randomUUID();
      await fixture.run(box, 'echo x >> starts; echo done; exit 2', { id });
      const { end, text } = await fixture.run(box, 'echo x >> starts; echo done; exit 2', { id });
      expect(text).toBe('done\n');
      expect(end).toMatchObject({ exitCode: 2 });
      expect(await fixture.read(box, 'cat starts')).toBe('x');
    });

    test('is started once where two start it at the same time, and both see all of it', async () => {
      const id = randomUUID();
      const both = await Promise.all(
        [1, 2].map(() => fixture.run(box, 'echo x >> both; sleep 1; cat both; exit 6', { id })),
      );
      for (const { end, text } of both) {
        expect(text).toBe('x\n');
        expect(end).toMatchObject({ exitCode: 6, outputBytes: 2 });
      }
    });

    test('is followed from the byte that is asked for', async () => {
      const id = randomUUID();
      await fixture.run(box, 'printf 0123456789', { id });
      const { end, text } = await fixture.run(box, 'printf 0123456789', { id, offset: 7 });
      expect(text).toBe('789');
      expect(end).toMatchObject({ outputBytes: 10 });
    });

    test('has run on after its follower aborted', async () => {
      const id = randomUUID();
      const line = 'echo begun; until [ -e resume ]; do sleep 0.1; done; echo over; exit 9';
      const abort = new AbortController();
      const begun = new Awaited('begun');
      const left = fixture.run(box, line, { id, onOutput: begun.listen, signal: abort.signal });
      await begun.heard;
      abort.abort(new Error('no longer interested'));
      await expect(left).rejects.toThrow('no longer interested');
      await fixture.read(box, 'touch resume');
      const { end, text } = await fixture.run(box, line, { id, offset: 'begun\n'.length });
      expect(text).toBe('over\n');
      expect(end).toMatchObject({ exitCode: 9 });
    });

    test('gives each byte once, though connections break', async () => {
      const numbers = new Awaited('\n1000\n');
      const running = fixture.run(box, 'seq 1000; until [ -e broken ]; do sleep 0.1; done; seq 1001 2000', {
        onOutput: numbers.listen,
      });
      await numbers.heard;
      fixture.subject.cut();
      await fixture.read(box, 'touch broken');
      expect((await running).end).toMatchObject({ exitCode: 0 });
      expect(numbers.text).toBe(Array.from({ length: 2000 }, (_, index) => `${index + 1}\n`).join(''));
    });
  });
}
