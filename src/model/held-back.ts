import { z } from 'zod';
import type { TaskLayout } from './deployment.ts';
import { type Dockerfile, type Instruction, dockerfileError, parseDockerfile, wordsOf } from './dockerfile-parser.ts';
import { tryParseJson } from './json.ts';

/**
 * What of an upload never reaches the image, so that no agent sees how it is judged: `tests` and `solution` of
 * everything below `tasks/`, in any layout; beside a task.toml also its own `tests` and `solution`, and its steps'.
 */
const heldBackNames = ['tests', 'solution'];

/** The held-back folder that a path of the archive is or lies in; undefined where it is part of the image's sources. */
export function heldBackFolder(path: string, layout: TaskLayout): string | undefined {
  const [first = '', second, third = ''] = path.split('/');
  const isInner = second !== undefined && heldBackNames.includes(third);
  if (first === 'tasks' && isInner) return `tasks/${second}/${third}`;
  if (layout !== 'task.toml') return undefined;
  if (heldBackNames.includes(first)) return first;
  return first === 'steps' && isInner ? `steps/${second}/${third}` : undefined;
}

/**
 * Throws `invalid_request` where a COPY, ADD or bind mount names something that is held back: that build could only
 * fail, or show that its author expects the tests in the image. Copying a folder around it is fine; it is simply not
 * in there. `inContext` says what the build context holds: beside a task.toml that is `environment/`, which may have a
 * `tests` of its own.
 */
export function refuseHeldBackCopies(text: string, layout: TaskLayout, inContext: (path: string) => boolean): void {
  const dockerfile = parseDockerfile(text);
  for (const instruction of dockerfile.instructions) {
    for (const source of contextSources(instruction, dockerfile)) {
      const folder = namedFolder(source, layout, inContext);
      if (folder === undefined) continue;
      throw dockerfileError(
        instruction.line,
        `${instruction.keyword} names ${folder}, which is held back for the evaluation`,
        'Leave it out: Harbor puts the tests in place itself once the agent is done.',
      );
    }
  }
}

function namedFolder(source: string, layout: TaskLayout, inContext: (path: string) => boolean): string | undefined {
  const climbs = source.startsWith('../');
  // A builder knows nothing above its context: it takes `../x` for `x`.
  const path = segments(source);
  if (layout !== 'task.toml') return taskFolder('tasks', path);
  if (!climbs && inContext(path.join('/'))) return undefined;
  const [first = ''] = path;
  return heldBackNames.includes(first) ? first : (taskFolder('tasks', path) ?? taskFolder('steps', path));
}

/** `tasks/<anything>/tests`, also where patterns stand for its parts. */
function taskFolder(parent: string, [first = '', second = '', third = '']: readonly string[]): string | undefined {
  if (!names(first, parent) || second === '') return undefined;
  const name = heldBackNames.find((candidate) => names(third, candidate));
  // A pattern that takes the files beside it along is about those.
  const isWider = ['instruction.md', 'task.toml'].some((other) => matches(third, other));
  return name === undefined || isWider ? undefined : `${parent}/${second}/${name}`;
}

/** Whether a pattern means just this name: patterns of nothing but wildcards mean whatever is there. */
const names = (pattern: string, name: string) => !/^[*?]*$/.test(pattern) && matches(pattern, name);

/** Go's filepath.Match for one part of a path, without its character classes; a variable may be anything. */
function matches(pattern: string, name: string): boolean {
  const parts = pattern.split(/(\*+|\?)/).map((part) => {
    if (part.startsWith('*')) return '.*';
    return part === '?' ? '.' : part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${parts.join('')}$`, 's').test(name);
}

/** The parts of a path as a builder sees it from the context's root; a variable becomes `*`. */
function segments(source: string): readonly string[] {
  const path: string[] = [];
  for (const part of source.replaceAll(/\$(?:\w+|\{[^}]{0,999}\})/g, '*').split('/')) {
    if (part === '..') path.pop();
    else if (part !== '' && part !== '.') path.push(part);
  }
  return path;
}

/** Paths of the build context that an instruction asks for. */
function contextSources(instruction: Instruction, dockerfile: Dockerfile): readonly string[] {
  const { keyword, flags, text } = instruction;
  if (keyword === 'COPY' || keyword === 'ADD') {
    if (flags.some(({ name }) => name === 'from')) return [];
    const listed = text.startsWith('[') ? tryParseJson(text, z.array(z.string())) : undefined;
    return (listed ?? wordsOf(instruction, dockerfile).map(({ value }) => value)).slice(0, -1);
  }
  if (keyword !== 'RUN') return [];
  return flags.flatMap(({ name, value }) => {
    const options = new Map(value.split(',').map((option) => splitOption(option)));
    const isBind = name === 'mount' && (options.get('type') ?? 'bind') === 'bind' && !options.has('from');
    const source = options.get('source') ?? options.get('src');
    return isBind && source !== undefined ? [source] : [];
  });
}

function splitOption(option: string): readonly [name: string, value: string] {
  const equals = option.indexOf('=');
  return equals < 0 ? [option, ''] : [option.slice(0, equals), option.slice(equals + 1)];
}
