import { invalid } from '../../model/errors.ts';
import { parentOf } from './member-path.ts';
import { archiveField, quoted, refuseMember } from './refusal.ts';

interface Directory {
  readonly type: 'directory';
  readonly mode: number;
  readonly mtime: Date;
}

export interface File {
  readonly type: 'file';
  readonly mode: number;
  readonly mtime: Date;
  readonly size: number;
  /** Where in the unpacked archive its content begins. */
  readonly offset: number;
  /** Hex. */
  readonly sha256: string;
}

interface Link {
  readonly type: 'link';
  readonly mtime: Date;
  readonly target: string;
}

export type Member = Directory | File | Link;

/** Members by path: relative, `/` between the parts, no `.` or `..`. */
export type Tree = ReadonlyMap<string, Member>;

/** Members as they come out of an archive, held to what one tree of files can be. */
export class TreeBuilder {
  readonly #members = new Map<string, Member>();
  /** Every folder that something lies in, also where the archive does not name it. */
  readonly #folders = new Set<string>();
  #entries = 0;
  readonly #maxEntries: number;

  /** `maxEntries` bounds members and folders together. */
  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  get tree(): Tree {
    return this.#members;
  }

  /**
   * Of a member that comes twice the last one counts, as tar unpacks it (an archive that was added to with `tar -r`
   * has such members). Throws `invalid_request` where it would change into something else, since unpackers differ
   * there, and where it lies below a file or a link.
   */
  add(path: string, member: Member): void {
    const before = this.#members.get(path);
    if (before && before.type !== member.type) {
      throw refuseMember(path, `is both a ${before.type} and a ${member.type}`);
    }
    if (member.type !== 'directory' && this.#folders.has(path)) {
      throw refuseMember(path, `is a ${member.type}, but other members lie below it`);
    }
    for (let folder = parentOf(path); folder !== '' && !this.#folders.has(folder); folder = parentOf(folder)) {
      const above = this.#members.get(folder);
      if (above && above.type !== 'directory') {
        throw refuseMember(path, `lies below ${quoted(folder)}, a ${above.type}`);
      }
      this.#folders.add(folder);
      if (!above) this.#entries += 1;
    }
    if (!before && !this.#folders.has(path)) this.#entries += 1;
    this.#members.set(path, member);
    if (this.#entries > this.#maxEntries) {
      throw invalid(archiveField, `holds more than ${this.#maxEntries} files and folders`);
    }
  }
}

/** The members below a folder, by their paths from there; all of them for the folder ''. */
export function subtree(tree: Tree, folder: string): Tree {
  if (folder === '') return tree;
  const members = [...tree].flatMap(([path, member]): [string, Member][] =>
    path.startsWith(`${folder}/`) ? [[path.slice(folder.length + 1), member]] : [],
  );
  return new Map(members);
}

/** A folder that no archive names, as tar would make it. */
const impliedFolder: Directory = { type: 'directory', mode: 0o755, mtime: new Date(0) };

/** `tree` and every folder above its members: as `known` has them, else with plain settings. */
export function withFolders(tree: Tree, known: Tree = tree): Tree {
  const complete = new Map(tree);
  for (const path of tree.keys()) {
    for (let folder = parentOf(path); folder !== '' && !complete.has(folder); folder = parentOf(folder)) {
      complete.set(folder, known.get(folder) ?? impliedFolder);
    }
  }
  return complete;
}
