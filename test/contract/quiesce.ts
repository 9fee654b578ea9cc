import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { Awaited, type Fixture, never } from './subject.ts';

/** What `quiesce` promises. */
export function quiesceContract(fixture: Fixture): void {
  /** Starts something that prints `ready` and goes on; returns when it has. */
  const startIn = async (box: string, line: string, id: string = randomUUID(), user = '0'): Promise<void> => {
    const ready = new Awaited('ready');
    const abort = new AbortController();
    const running = fixture.run(box, line, { id, user, onOutput: ready.listen, signal: abort.signal });
    await Promise.race([ready.heard, running]);
    abort.abort(new Error('seen enough'));
    await running.catch(() => undefined);
  };
  const survivors = (box: string): Promise<string> =>
    fixture.read(box, "grep -lsz '^survivor' /proc/[0-9]*/cmdline; true");

  describe('a quiesced sandbox', () => {
    test.each([
      [
        'ignores every signal that can be ignored',
        `trap '' HUP INT QUIT TERM; echo ready; exec -a survivor sleep 1000`,
      ],
      ['has left its session', `(exec -a survivor setsid sleep 1000) & echo ready`],
    ])('is rid of a process that %s', async (_, line) => {
      const box = await fixture.box();
      await startIn(box, `bash -c "${line}"`);
      await fixture.provider.quiesce(box, never());
      expect(await survivors(box)).toBe('');
    });

    test('is rid of processes of other users', async () => {
      const box = await fixture.box();
      await startIn(box, 'bash -c "(exec -a survivor sleep 1000) & echo ready"', randomUUID(), 'joe');
      await fixture.provider.quiesce(box, never());
      expect(await survivors(box)).toBe('');
    });

    test('is rid of a fork bomb', async () => {
      const box = await fixture.box();
      await startIn(box, `echo ready; sleep 2; bash -c 'bomb() { bomb | bomb & }; touch /bombed; bomb'; sleep 1000`);
      while (!(await fixture.provider.get(box, '/bombed', never()))?.destroy());
      await fixture.provider.quiesce(box, never());
      expect(await fixture.read(box, 'ls -d /proc/[0-9]* | wc -l')).toMatch(/^\d{1,2}$/);
    });

    test('has kept its files and its environment', async () => {
      const box = await fixture.box({ env: { FROM_BOX: 'kept' } });
      await startIn(box, 'echo content > /tmp/file; sleep 1000 & echo ready');
      await fixture.provider.quiesce(box, never());
      expect(await fixture.read(box, 'cat /tmp/file; echo $FROM_BOX')).toBe('content\nkept');
    });

    test('reports the command that was running as cut off, with all that it had printed', async () => {
      const box = await fixture.box();
      const id = randomUUID();
      await startIn(box, 'echo said before; echo ready; sleep 1000', id);
      await fixture.provider.quiesce(box, never());
      const { end, text } = await fixture.run(box, 'echo another', { id });
      expect(end).toEqual({ kind: 'cut-off', startedAnew: true });
      expect(text).toBe('said before\nready\n');
    });

    test('runs, also where something had ended it', async () => {
      const box = await fixture.box();
      await expect(fixture.run(box, 'kill -9 -1')).rejects.toThrow(box);
      await fixture.provider.quiesce(box, never());
      expect(await fixture.read(box, 'echo runs')).toBe('runs');
    });

    test('where nothing was left to end was not disturbed', async () => {
      const box = await fixture.box();
      const before = await fixture.read(box, 'cut -d " " -f 22 /proc/1/stat');
      await fixture.provider.quiesce(box, never());
      expect(await fixture.read(box, 'cut -d " " -f 22 /proc/1/stat')).toBe(before);
    });
  });
}
