import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { extract, pack } from 'tar-stream';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Fixture, never, tarOf } from './subject.ts';

/** What `put` and `get` promise. */
export function fileContract(fixture: Fixture): void {
  describe('files', () => {
    let box: string;
    beforeAll(async () => {
      box = await fixture.box();
    });

    const get = async (path: string): Promise<Map<string, string>> => {
      const tar = await fixture.provider.get(box, path, never());
      if (!tar) throw new Error(`${path} is not there`);
      const members = new Map<string, string>();
      for await (const member of tar.pipe(extract())) {
        const { name, type, linkname } = member.header;
        members.set(
          name,
          type === 'symlink' ? `-> ${linkname}` : (await buffer(Readable.from(member))).toString('latin1'),
        );
      }
      return members;
    };

    test('come back as they were put in, whatever their names and bytes', async () => {
      const names = ['plain', 'with space', 'with\nnewline', '-dash', 'ünïcödé', `${'long/'.repeat(60)}name`];
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
      await fixture.read(box, 'mkdir /odd');
      await fixture.provider.put(box, '/odd', tarOf(Object.fromEntries(names.map((name) => [name, bytes]))), never());
      const found = await get('/odd');
      for (const name of names) expect(found.get(`odd/${name}`)).toBe(bytes.toString('latin1'));
    });

    test('keep their modes, owners and links', async () => {
      const tar = pack();
      tar.entry({ name: 'secret', mode: 0o600, uid: 1000, gid: 1000 }, 'x');
      tar.entry({ name: 'link', type: 'symlink', linkname: '/etc/passwd' });
      tar.finalize();
      await fixture.read(box, 'mkdir /kept');
      await fixture.provider.put(box, '/kept', Readable.from(tar), never());
      expect(await fixture.read(box, 'stat -c "%a %U %N" /kept/secret /kept/link')).toBe(
        "600 joe '/kept/secret'\n777 root '/kept/link' -> '/etc/passwd'",
      );
      expect((await get('/kept')).get('kept/link')).toBe('-> /etc/passwd');
    });

    test('are got by the last component of their path', async () => {
      await fixture.read(box, 'mkdir -p /deep/er; echo inside > /deep/er/file');
      expect([...(await get('/deep/er/file'))]).toEqual([['file', 'inside\n']]);
      expect([...(await get('/deep/er')).keys()]).toEqual(['er/', 'er/file']);
    });

    test('that do not exist are not got', async () => {
      expect(await fixture.provider.get(box, '/nowhere/at/all', never())).toBeUndefined();
    });

    test('are not put where there is no directory', async () => {
      await expect(fixture.provider.put(box, '/nowhere', tarOf({ file: '' }), never())).rejects.toMatchObject({
        failureClass: 'sandbox_failed',
      });
    });

    test('of a sandbox that is gone are lost', async () => {
      await expect(fixture.provider.get('contract-gone', '/etc', never())).rejects.toMatchObject({
        failureClass: 'sandbox_lost',
      });
    });
  });
}
