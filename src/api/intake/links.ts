import { parentOf } from './member-path.ts';
import { quoted, refuseMember } from './refusal.ts';
import type { Tree } from './tree.ts';

/** How many links one path may lead through; Linux's own bound. */
const maxLinks = 40;

/** Where a path leads once links are followed; undefined where it leaves the tree or runs in circles. */
export function follow(tree: Tree, path: string): string | undefined {
  const ahead = path.split('/').toReversed();
  let at = '';
  let links = 0;
  for (let part = ahead.pop(); part !== undefined; part = ahead.pop()) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      if (at === '') return undefined;
      at = parentOf(at);
      continue;
    }
    const next = at === '' ? part : `${at}/${part}`;
    const member = tree.get(next);
    if (member?.type !== 'link') {
      at = next;
      continue;
    }
    links += 1;
    if (links > maxLinks || member.target.startsWith('/')) return undefined;
    ahead.push(...member.target.split('/').toReversed());
  }
  return at;
}

/** Throws `invalid_request` for a link that leaves the tree. `folder` is where in the archive the tree lies. */
export function refuseLinksOut(tree: Tree, folder: string): void {
  for (const [path, member] of tree) {
    if (member.type !== 'link' || follow(tree, path) !== undefined) continue;
    throw refuseMember(
      folder === '' ? path : `${folder}/${path}`,
      `is a link that leaves ${folder === '' ? 'the context' : quoted(folder)}: to ${quoted(member.target)}`,
      'Replace the link by what it links to, or list it in .dockerignore.',
    );
  }
}
