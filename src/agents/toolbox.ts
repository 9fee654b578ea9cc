import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { readIfThere, replaceFile } from '../embedded/files.ts';
import { oneAtATime } from '../embedded/one-at-a-time.ts';
import type { Progress } from '../embedded/progress.ts';
import { findProgram, isProgram, runCommand } from '../embedded/run-command.ts';
import { type UnpackedFile, unpackTarGz } from '../embedded/unpack.ts';
import { errorText, HarborError } from '../model/errors.ts';
import { tryParseJson } from '../model/json.ts';
import type { Toolbox } from '../sandboxes/provider.ts';
import type { EnsureToolbox, ToolboxPackage, ToolboxSource } from './agent.ts';

export interface ToolboxOptions {
  /** The cache's folder. */
  readonly cache: string;
  /** For npm: its registry, certificates and proxy are the user's own. */
  readonly env: NodeJS.ProcessEnv;
  readonly progress: Progress;
}

const manifestSchema = z.array(z.object({ path: z.string(), bytes: z.int() }));

/**
 * Fetches agents' binaries from npm once per machine, into `<cache>/toolboxes/<name>-<hash>`, and checks them against
 * their pinned integrity. One that lost a file, or has one of another size, is fetched anew.
 */
export function createEnsureToolbox(options: ToolboxOptions): EnsureToolbox {
  return (source, signal) =>
    options.progress.step(`Agent ${source.name} ${source.version}`, async (report) => {
      const toolbox = (await findToolbox(options.cache, source)) ?? (await make(options, source, report, signal));
      report(toolbox.directory);
      return toolbox;
    });
}

/** The toolbox if it is cached and whole. */
export async function findToolbox(cache: string, source: ToolboxSource): Promise<Toolbox | undefined> {
  const toolbox = place(cache, source);
  const text = await readIfThere(manifestFile(toolbox));
  const manifest = text === undefined ? undefined : tryParseJson(text, manifestSchema);
  if (!manifest || !(await isWhole(toolbox.directory, manifest))) return undefined;
  return source.packages.every(({ executable }) => isProgram(join(toolbox.directory, executable)))
    ? toolbox
    : undefined;
}

async function make(
  { cache, env }: ToolboxOptions,
  source: ToolboxSource,
  report: (detail: string) => void,
  signal: AbortSignal,
): Promise<Toolbox> {
  const toolbox = place(cache, source);
  await mkdir(join(cache, 'toolboxes'), { recursive: true });
  const work = `${toolbox.directory}.new`;
  const turn = { what: `the fetching of ${source.name} ${source.version}`, report, signal };
  return oneAtATime(`${toolbox.directory}.lock`, turn, async () => {
    const made = await findToolbox(cache, source);
    if (made) return made;
    await rm(work, { recursive: true, force: true });
    try {
      const files: UnpackedFile[] = [];
      for (const item of source.packages) {
        report(`fetching ${item.spec} with npm`);
        const archive = await fetchPackage(item, join(work, 'download'), env, signal);
        report(`unpacking ${item.spec}`);
        files.push(...(await unpackPackage(item, archive, join(work, 'content'), signal)));
      }
      await rm(toolbox.directory, { recursive: true, force: true });
      await rename(join(work, 'content'), toolbox.directory);
      await replaceFile(manifestFile(toolbox), JSON.stringify(files));
      return toolbox;
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  });
}

/** The path of the package's archive, which is the one that was pinned. */
async function fetchPackage(
  { spec, integrity }: ToolboxPackage,
  folder: string,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<string> {
  const npm = findProgram('npm', env);
  if (!npm) {
    throw new HarborError('internal', `${spec} cannot be fetched: there is no \`npm\` on PATH`, {
      remedy: 'Put the npm that came with Node on PATH.',
    });
  }
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  // In a folder of its own, so that no project's .npmrc has a say.
  const args = ['pack', spec, '--ignore-scripts', '--loglevel=error', '--pack-destination', folder];
  try {
    await runCommand(npm, args, { env, cwd: folder, signal });
  } catch (error) {
    signal.throwIfAborted();
    throw new HarborError('internal', `${spec} cannot be fetched from npm: ${errorText(error)}`, {
      cause: error,
      remedy: 'See whether `npm ping` reaches your registry, and whether it carries the package.',
    });
  }
  const [name] = (await readdir(folder)).filter((entry) => entry.endsWith('.tgz'));
  if (name === undefined) throw new HarborError('internal', `npm left no archive of ${spec}`);
  const archive = join(folder, name);
  const hash = createHash('sha512');
  await pipeline(createReadStream(archive), hash, { signal });
  const found = `sha512-${hash.digest('base64')}`;
  if (found === integrity) return archive;
  throw new HarborError('internal', `${spec} is not what was pinned: it has integrity ${found}, not ${integrity}`, {
    remedy: 'The registry that npm is set to use serves another package under this name: do not trust it.',
  });
}

async function unpackPackage(
  { spec, root, skip, executable }: ToolboxPackage,
  archive: string,
  folder: string,
  signal: AbortSignal,
): Promise<UnpackedFile[]> {
  const wanted = (name: string): string | undefined => {
    if (!name.startsWith(`${root}/`)) return undefined;
    const path = name.slice(root.length + 1);
    return skip.some((part) => path === part || path.startsWith(`${part}/`)) ? undefined : path;
  };
  const files = await unpackTarGz(createReadStream(archive), folder, wanted, signal);
  if (!isProgram(join(folder, executable))) {
    throw new HarborError('internal', `${spec} holds no program ${root}/${executable}`);
  }
  return files;
}

/** Size is enough: what was unpacked was what was pinned, and only a crash or a full disk cuts a file short. */
async function isWhole(folder: string, files: readonly UnpackedFile[]): Promise<boolean> {
  const sizes = await Promise.all(
    files.map(({ path }) =>
      stat(join(folder, path)).then(
        (found) => found.size,
        () => undefined,
      ),
    ),
  );
  return files.every(({ bytes }, index) => sizes[index] === bytes);
}

/** Names the content of a toolbox. */
export function toolboxHash({ packages }: ToolboxSource): string {
  const content = packages.map(({ integrity, root, skip }) => [integrity, root, skip]);
  return createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 16);
}

function place(cache: string, source: ToolboxSource): Toolbox {
  const hash = toolboxHash(source);
  return { name: source.name, hash, directory: join(cache, 'toolboxes', `${source.name}-${hash}`) };
}

function manifestFile(toolbox: Toolbox): string {
  return `${toolbox.directory}.json`;
}
