import { describe, expect, test } from 'vitest';
import { withoutIgnored } from '../../../src/api/intake/dockerignore.ts';
import { type Member, type Tree, withFolders } from '../../../src/api/intake/tree.ts';

const file: Member = { type: 'file', mode: 0o644, mtime: new Date(0), size: 0, offset: 0, sha256: '' };

function treeOf(...paths: readonly string[]): Tree {
  return withFolders(new Map(paths.map((path) => [path, file])));
}

const files = (tree: Tree) => [...tree].filter(([, { type }]) => type === 'file').map(([path]) => path);

const project = treeOf(
  '.git/HEAD',
  'Dockerfile',
  'a.pyc',
  'src/b.pyc',
  'src/c.py',
  'src/sub/d.PYC',
  'docs/e.md',
  'g+(h)',
);

describe('.dockerignore', () => {
  test.each([
    ['a name in the root, not below', '*.pyc', ['a.pyc']],
    ['a name at any depth', '**/*.pyc', ['a.pyc', 'src/b.pyc']],
    ['a folder with all in it', 'src', ['src/b.pyc', 'src/c.py', 'src/sub/d.PYC']],
    ['a folder as /src/ too', '/src/', ['src/b.pyc', 'src/c.py', 'src/sub/d.PYC']],
    ['all but what is brought back', '*\n!src/c.py', files(project).filter((path) => path !== 'src/c.py')],
    ['by the last pattern that fits', '!src/c.py\nsrc', ['src/b.pyc', 'src/c.py', 'src/sub/d.PYC']],
    ['nothing for comments and blank lines', '# src\n\n', []],
    ['also its own file and the Dockerfile', 'Dockerfile', ['Dockerfile']],
    ['a name with what only regular expressions mind', 'g+(h)', ['g+(h)']],
    ['behind a byte order mark', '\uFEFFa.pyc', ['a.pyc']],
    ['with line ends of Windows', 'a.pyc\r\ndocs\r\n', ['a.pyc', 'docs/e.md']],
  ])('excludes %s', async (_, patterns, excluded) => {
    const kept = files(await withoutIgnored(project, patterns));
    expect(files(project).filter((path) => !kept.includes(path))).toEqual(excluded);
  });

  test('keeps a folder whose content alone it excludes', async () => {
    expect([...(await withoutIgnored(treeOf('out/a'), 'out/*')).keys()]).toEqual(['out']);
  });

  test('keeps the folders above what is brought back', async () => {
    const kept = await withoutIgnored(treeOf('a/b/c', 'a/d'), 'a\n!a/b/c');
    expect([...kept.keys()].toSorted()).toEqual(['a', 'a/b', 'a/b/c']);
  });

  test('is refused with wildcards that would take years to match', async () => {
    const tree = treeOf('a'.repeat(255));
    await expect(withoutIgnored(tree, '*a'.repeat(12) + 'b')).rejects.toMatchObject({
      failureClass: 'invalid_request',
    });
  });

  test('is refused with a bracket that is not closed', async () => {
    await expect(withoutIgnored(project, '[a')).rejects.toMatchObject({ failureClass: 'invalid_request' });
  });
});
