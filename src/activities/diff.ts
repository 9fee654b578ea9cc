import { posix } from 'node:path';
import { formatPatch, type StructuredPatch, structuredPatch } from 'diff';
import { limits } from '../model/limits.ts';
import type { SandboxProvider } from '../sandboxes/provider.ts';

export interface DiffRequest {
  readonly provider: SandboxProvider;
  readonly sandbox: string;
  readonly snapshot: string;
  readonly workdir: string;
  /** Paths relative to the working directory. */
  readonly changed: readonly string[];
  readonly deleted: readonly string[];
  /** Names the commands that read the files: hard to guess. */
  readonly nonce: string;
  readonly signal: AbortSignal;
}

/** A file as one side of a diff has it. */
interface Side {
  readonly content: Buffer;
  readonly mode: '100644' | '100755' | '120000';
}

/** Milliseconds that one file's comparison may take; two wholly different large files have no readable diff anyway. */
const patience = 2000;

/**
 * What the agent changed in its working directory, against the snapshot it started from, in git's form: `git apply` takes
 * it. Works without git in the image, and whatever the agent did to a repository that is there. Empty: nothing changed.
 */
export async function diffOfWorkdir(request: DiffRequest): Promise<string> {
  const { provider, snapshot, workdir, changed, deleted, signal } = request;
  const paths = [...changed, ...deleted].toSorted().slice(0, limits.diffFiles);
  if (paths.length === 0) return '';
  const now = await readNow(
    request,
    changed.filter((path) => paths.includes(path)),
  );
  const before = await provider.readSnapshot(
    snapshot,
    paths.map((path) => posix.join(workdir, path)),
    signal,
  );
  const patches = paths.map((path) => patchOf(path, before.get(posix.join(workdir, path)), now.get(path)));
  const left = changed.length + deleted.length - paths.length;
  return patches.join('') + (left > 0 ? `# ${left} more changed files are not shown\n` : '');
}

function patchOf(path: string, before: Buffer | undefined, after: Side | 'too large' | undefined): string {
  if (after === 'too large') return `# ${path}: changed, too large to be shown\n`;
  if (!before && !after) return '';
  if (before && after?.content.equals(before)) return '';
  const git: Partial<StructuredPatch> = {
    isGit: true,
    ...(before ? {} : { isCreate: true, newMode: after?.mode ?? '100644' }),
    ...(after ? {} : { isDelete: true, oldMode: '100644' }),
  };
  const names = [before ? `a/${path}` : '/dev/null', after ? `b/${path}` : '/dev/null'] as const;
  if (isBinary(before) || isBinary(after?.content)) {
    const header = formatPatch({
      oldFileName: `a/${path}`,
      newFileName: `b/${path}`,
      oldHeader: '',
      newHeader: '',
      hunks: [],
      ...git,
    });
    return `${header.trimEnd()}\nBinary files ${names[0]} and ${names[1]} differ\n`;
  }
  const text = (content: Buffer | undefined) => content?.toString('utf8') ?? '';
  const patch = structuredPatch(names[0], names[1], text(before), text(after?.content), '', '', {
    context: 3,
    timeout: patience,
  });
  return patch ? formatPatch({ ...patch, ...git }) : `# ${path}: changed beyond what can be shown\n`;
}

/** As git tells: a NUL in the first 8000 bytes. */
function isBinary(content: Buffer | undefined): boolean {
  return content?.subarray(0, 8000).includes(0) ?? false;
}

/** For each argument a line `<kind> <executable> <bytes>`, then so many bytes. */
const readFiles = `
for path do
  if [ -L "$path" ]; then
    target=$(readlink "$path"); printf 'link - %s\\n%s' "$(printf %s "$target" | wc -c)" "$target"
  elif [ -f "$path" ]; then
    size=$(wc -c < "$path"); [ -x "$path" ] && executable=x || executable=-
    if [ "$size" -gt ${limits.diffFileBytes} ]; then printf 'large - 0\\n'
    else printf 'file %s %s\\n' $executable $size; cat "$path"; fi
  else printf 'gone - 0\\n'
  fi
done`;

async function readNow(
  { provider, sandbox, nonce, workdir, signal }: DiffRequest,
  paths: readonly string[],
): Promise<ReadonlyMap<string, Side | 'too large'>> {
  if (paths.length === 0) return new Map();
  const pieces: Buffer[] = [];
  await provider.run(sandbox, {
    id: `read-${nonce}`,
    argv: ['sh', '-c', readFiles, 'sh', ...paths],
    env: {},
    cwd: workdir,
    user: '0',
    offset: 0,
    onOutput: (chunk) => {
      pieces.push(chunk);
    },
    signal,
  });
  return parseSides(Buffer.concat(pieces), paths);
}

function parseSides(output: Buffer, paths: readonly string[]): ReadonlyMap<string, Side | 'too large'> {
  const sides = new Map<string, Side | 'too large'>();
  let at = 0;
  for (const path of paths) {
    const lineEnd = output.indexOf('\n', at);
    if (lineEnd === -1) break;
    const [kind, executable, size] = output.toString('utf8', at, lineEnd).split(/ +/);
    const end = lineEnd + 1 + Number(size);
    const content = output.subarray(lineEnd + 1, end);
    if (kind === 'large') sides.set(path, 'too large');
    if (kind === 'link') sides.set(path, { content, mode: '120000' });
    if (kind === 'file') sides.set(path, { content, mode: executable === 'x' ? '100755' : '100644' });
    at = end;
  }
  return sides;
}
