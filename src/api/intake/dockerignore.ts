import { setImmediate } from 'node:timers/promises';
import { Script, createContext } from 'node:vm';
import dockerignore from '@balena/dockerignore';
import { HarborError } from '../../model/errors.ts';
import { archiveField } from './refusal.ts';
import { type Tree, withFolders } from './tree.ts';

/** Bytes of a .dockerignore. Every pattern is held against every path. */
export const maxIgnoreBytes = 256 * 1024;

/** Paths between two pauses for other work; with thirty patterns they take some 20 ms. */
const pathsAtOnce = 500;
/** For these, and for all paths together. */
const maxMillisecondsAtOnce = 3000;
const maxMilliseconds = 60_000;

/**
 * `tree` without what its .dockerignore excludes, by Docker's rules: the last pattern that fits a path or a folder
 * above it counts, `!` brings back. Folders above what stays, stay. Throws `invalid_request` for patterns that are
 * malformed, or so full of wildcards that matching them takes unreasonably long.
 */
export async function withoutIgnored(tree: Tree, patterns: string): Promise<Tree> {
  // The library turns patterns into regular expressions, and leaves characters alone that mean something there alone.
  const escaped = patterns.replace(/^\uFEFF/, '').replaceAll(/(?<!\\)[+(){}|]/g, '\\$&');
  const rules = dockerignore.default({ ignorecase: false }).add(escaped);
  const paths = [...tree.keys()];
  const kept = new Map(tree);
  const deadline = Date.now() + maxMilliseconds;
  for (let from = 0; from < paths.length; from += pathsAtOnce) {
    interruptible(Math.min(maxMillisecondsAtOnce, deadline - Date.now()), () => {
      for (const path of paths.slice(from, from + pathsAtOnce)) if (rules.ignores(path)) kept.delete(path);
    });
    await setImmediate();
  }
  return withFolders(kept, tree);
}

const call = new Script('step()');

/** A pattern such as `*a*a*a*a*b` can keep a regular expression busy for years; nothing but this stops one that runs. */
function interruptible(milliseconds: number, step: () => void): void {
  try {
    call.runInContext(createContext({ step }), { timeout: Math.max(1, milliseconds) });
  } catch (error) {
    throw new HarborError('invalid_request', `${archiveField}: .dockerignore holds a pattern that cannot be used`, {
      field: archiveField,
      cause: error,
      remedy: 'Look for brackets that are not closed, and use fewer wildcards in one pattern.',
    });
  }
}
