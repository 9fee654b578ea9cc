import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import type { OverrideErrorType, PartResult } from '../model/context-override.ts';
import type { SandboxProvider } from '../sandboxes/provider.ts';
import { failed } from './override-plan.ts';
import { harborFolder } from './sandbox-layout.ts';

/** A file to write, by its absolute path. */
export interface OverlayFile {
  readonly path: string;
  readonly content: string;
}

export interface OverlayTarget {
  readonly provider: SandboxProvider;
  readonly sandbox: string;
  readonly workdir: string;
  /** As whom; undefined: the image's own user. */
  readonly user: string | undefined;
  readonly signal: AbortSignal;
}

/** For each place a line `ok`, or what went wrong. */
const placeFiles = `
from=$1; shift; number=0
for place do
  number=$((number + 1))
  if said=$( { mkdir -p "$(dirname "$place")" && cat "$from/$number" > "$place"; } 2>&1 ); then echo ok
  else printf '%s\\n' "\${said:-failed}" | tr '\\n' ' '; echo; fi
done`;

/** Writes files; one that cannot be written keeps no other from it. `id` names the command within its sandbox. */
export async function writeOverlay(
  target: OverlayTarget,
  files: readonly OverlayFile[],
  id: string,
): Promise<readonly PartResult[]> {
  if (files.length === 0) return [];
  await put(
    target,
    files.map(({ content }, index) => ({ name: `${id}-files/${index + 1}`, content, mode: 0o644 })),
  );
  const said = await say(target, `${id}-place`, [
    'sh',
    '-c',
    placeFiles,
    'sh',
    `${harborFolder}/${id}-files`,
    ...files.map(({ path }) => path),
  ]);
  return files.map((_, index) => {
    const word = said[index]?.trim() ?? 'nothing was said of it';
    return word === 'ok' ? { status: 'applied', error: null } : failed(errorType(word), word);
  });
}

/** Which of these are there, in the working directory. */
export async function presentFiles(
  target: OverlayTarget,
  paths: readonly string[],
  id: string,
): Promise<ReadonlySet<string>> {
  const look = 'for path do if [ -e "$path" ]; then printf "%s\\n" "$path"; fi; done';
  return new Set(await say(target, `${id}-present`, ['sh', '-c', look, 'sh', ...paths]));
}

/** Puts files into Harbor's own folder of the sandbox. */
export async function put(
  { provider, sandbox, signal }: OverlayTarget,
  files: readonly { readonly name: string; readonly content: string; readonly mode: number }[],
): Promise<void> {
  const tar = pack();
  for (const { name, content, mode } of files) tar.entry({ name, mode }, content);
  tar.finalize();
  await provider.put(sandbox, harborFolder, Readable.from([await buffer(Readable.from(tar))]), signal);
}

/** The lines that a command puts out. */
async function say(
  { provider, sandbox, workdir, user, signal }: OverlayTarget,
  id: string,
  argv: readonly string[],
): Promise<string[]> {
  const pieces: Buffer[] = [];
  await provider.run(sandbox, {
    id,
    argv,
    env: {},
    cwd: workdir,
    ...(user !== undefined && { user }),
    offset: 0,
    onOutput: (chunk) => void pieces.push(chunk),
    signal,
  });
  return Buffer.concat(pieces).toString('utf8').split('\n');
}

const errorType = (said: string): OverrideErrorType =>
  /permission denied|read-only/i.test(said) ? 'permission' : 'runtime';
