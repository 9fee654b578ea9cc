import { posix } from 'node:path';
import type { ImageInspectInfo } from 'dockerode';
import { HarborError } from '../../model/errors.ts';
import type { SnapshotFacts } from '../provider.ts';
import { type PathStat, statPath } from './archives.ts';
import { withHelper } from './containers.ts';
import type { Engine } from './engine.ts';

/** By the names that images, and the engine's machine, give them. */
const architectures: Readonly<Record<string, SnapshotFacts['architecture']>> = {
  amd64: 'x64',
  x86_64: 'x64',
  arm64: 'arm64',
  aarch64: 'arm64',
};

/** The dynamic loaders, by the architecture and the C library that they belong to. */
const loaders = {
  x64: { glibc: '/lib64/ld-linux-x86-64.so.2', musl: '/lib/ld-musl-x86_64.so.1' },
  arm64: { glibc: '/lib/ld-linux-aarch64.so.1', musl: '/lib/ld-musl-aarch64.so.1' },
} as const;

/** Where dynamic loaders look by themselves; Debian's folder is named after the architecture. */
const libraryFolders = (architecture: SnapshotFacts['architecture']): readonly string[] => {
  const debian = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }[architecture];
  return [`/usr/lib/${debian}`, '/usr/lib64', '/usr/lib', '/lib64', '/lib', '/usr/local/lib'];
};

/** What containers get where their image sets no PATH. */
const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Looks into an image without running anything of it. */
export async function readFacts(engine: Engine, image: ImageInspectInfo): Promise<SnapshotFacts> {
  const architecture = architectures[image.Architecture];
  if (!architecture) {
    throw new HarborError('build_failed', `the image is for ${image.Architecture}; agents run on amd64 and arm64`);
  }
  const path = image.Config.Env?.find((variable) => variable.startsWith('PATH='))?.slice('PATH='.length) ?? defaultPath;
  const programFolders = path.split(':').filter((entry) => entry.startsWith('/'));
  const engineArchitecture = architectures[(await engine.info()).architecture];
  return withHelper(engine, { image: image.Id }, async (container) => {
    const has = async (program: string): Promise<boolean> => {
      for (const folder of programFolders) {
        const found = await resolvePath(engine, container, posix.join(folder, program));
        if (found?.isExecutable && !found.isDirectory) return true;
      }
      return false;
    };
    const hasLibrary = async (name: string): Promise<boolean> => {
      for (const folder of libraryFolders(architecture)) {
        if (await resolvePath(engine, container, posix.join(folder, name))) return true;
      }
      return false;
    };
    return {
      architecture,
      isForeign: engineArchitecture !== undefined && engineArchitecture !== architecture,
      libc: await findLibc(engine, container, architecture),
      hasShell: (await resolvePath(engine, container, '/bin/sh')) !== undefined,
      hasBash: await has('bash'),
      hasCxxLibraries: (await hasLibrary('libstdc++.so.6')) && (await hasLibrary('libgcc_s.so.1')),
      hasRunRollout: await has('run_rollout'),
      workdir: image.Config.WorkingDir || '/',
      user: image.Config.User,
    };
  });
}

async function findLibc(
  engine: Engine,
  container: string,
  architecture: SnapshotFacts['architecture'],
): Promise<SnapshotFacts['libc']> {
  const { glibc, musl } = loaders[architecture];
  const found = await statPath(engine, container, glibc);
  // gcompat puts a loader of its own at glibc's place, which does not run what was built for glibc.
  if (found && !/gcompat|musl/.test(found.linkTarget ?? '')) return 'glibc';
  return (await statPath(engine, container, musl)) ? 'musl' : 'none';
}

/** What is at a path, behind at most eight symbolic links. */
async function resolvePath(engine: Engine, container: string, path: string, links = 8): Promise<PathStat | undefined> {
  const found = await statPath(engine, container, path);
  if (found?.linkTarget === undefined || links === 0) return found;
  return resolvePath(engine, container, found.linkTarget, links - 1);
}
