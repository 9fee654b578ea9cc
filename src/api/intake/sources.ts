import type { TaskLayout } from '../../model/deployment.ts';
import { heldBackFolder } from '../../model/held-back.ts';
import { follow } from './links.ts';
import { refuseMember } from './refusal.ts';
import { type Member, type Tree, subtree } from './tree.ts';
import type { UnpackedArchive } from './unpacked-archive.ts';

/** An upload, sorted into what the image is built from and what is held back from it. */
export interface Sources {
  readonly layout: TaskLayout;
  /** Where in the archive the build context lies; empty for its root. */
  readonly contextFolder: string;
  /** The build context, by paths from its root, before its .dockerignore. */
  readonly context: Tree;
  /** Held-back folders (`tasks/1/tests`), each by paths from its own root. */
  readonly heldBack: ReadonlyMap<string, Tree>;
  /** Seeds that have a task, in order. */
  readonly seeds: readonly number[];
  readonly has: (path: string) => boolean;
  /** A text file of the archive, also by a link within it; undefined where there is none. Throws `invalid_request`. */
  readonly text: (path: string, maxBytes: number) => Promise<string | undefined>;
}

export function sortSources(tree: Tree, archive: UnpackedArchive): Sources {
  const seeds = seedsOf(tree);
  const layout = layoutOf(tree, seeds);
  const contextFolder = layout === 'task.toml' ? 'environment' : '';
  const sources = new Map<string, Member>();
  const heldBack = new Map<string, Map<string, Member>>();
  for (const [path, member] of tree) {
    const folder = heldBackFolder(path, layout);
    if (folder === undefined) {
      sources.set(path, member);
    } else if (path === folder && member.type !== 'directory') {
      throw refuseMember(path, `is a ${member.type}: what is held back must be a folder`);
    } else {
      const members = heldBack.get(folder) ?? new Map<string, Member>();
      if (path !== folder) members.set(path.slice(folder.length + 1), member);
      heldBack.set(folder, members);
    }
  }
  return {
    layout,
    contextFolder,
    context: subtree(sources, contextFolder),
    heldBack,
    seeds: layout === 'seeds' ? seeds : [],
    has: (path) => tree.has(path),
    async text(path, maxBytes) {
      if (!tree.has(path)) return undefined;
      const target = follow(tree, path);
      const file = target === undefined ? undefined : tree.get(target);
      if (file?.type !== 'file') throw refuseMember(path, 'is no file, nor a link to one of the archive');
      return archive.readText(path, file, maxBytes);
    },
  };
}

function layoutOf(tree: Tree, seeds: readonly number[]): TaskLayout {
  if (tree.has('task.toml')) return 'task.toml';
  return seeds.length > 0 ? 'seeds' : 'none';
}

/** What makes a folder below `tasks/` a task; a project may have a folder of that name for its own ends. */
const taskParts = new Set(['instruction.md', 'task.toml', 'tests', 'solution']);

function seedsOf(tree: Tree): readonly number[] {
  const seeds = new Set<number>();
  for (const path of tree.keys()) {
    if (!path.startsWith('tasks/')) continue;
    const [, name = '', part = ''] = path.split('/');
    if (/^(?:0|[1-9]\d{0,8})$/.test(name) && taskParts.has(part)) seeds.add(Number(name));
  }
  return [...seeds].toSorted((a, b) => a - b);
}
