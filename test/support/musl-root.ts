import { chmod, copyFile, mkdir } from 'node:fs/promises';
import { arch } from 'node:os';
import { join } from 'node:path';
import { findProgram } from '../../src/embedded/run-command.ts';

const loader = `/lib/ld-musl-${arch() === 'arm64' ? 'aarch64' : 'x86_64'}.so.1`;

/**
 * Puts what an image with musl is made of below `<folder>/root`, out of this machine's Debian packages: a static busybox,
 * musl's loader, and a static bash if that is asked for. For {@link muslDockerfile}.
 */
export async function makeMuslRoot(folder: string, { bash }: { readonly bash: boolean }): Promise<void> {
  const root = join(folder, 'root');
  await mkdir(join(root, 'bin'), { recursive: true });
  await mkdir(join(root, 'lib'));
  await mkdir(join(root, 'app'));
  const put = async (source: string, target: string): Promise<void> => {
    await copyFile(source, join(root, target));
    await chmod(join(root, target), 0o755);
  };
  await put(program('busybox'), 'bin/busybox');
  await put(loader, loader.slice(1));
  if (bash) await put(program('bash-static'), 'bin/bash');
}

export const muslDockerfile = `FROM scratch
COPY root/ /
RUN ["/bin/busybox", "--install", "-s", "/bin"]
RUN ["/bin/busybox", "mkdir", "-p", "/tmp", "/root"]
ENV PATH=/bin HOME=/root
WORKDIR /app
`;

function program(name: string): string {
  const path = findProgram(name, process.env);
  if (path === undefined) throw new Error(`${name} is not installed: \`harbor setup --for-tests\` does it`);
  return path;
}
