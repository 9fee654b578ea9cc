import { readIfThere } from './files.ts';
import { findProgram, runCommand } from './run-command.ts';

/** Whether we may install packages here: root on Debian, Ubuntu or a relative of theirs. */
export async function mayInstallPackages(env: NodeJS.ProcessEnv): Promise<boolean> {
  return process.getuid?.() === 0 && (await isDebianLike(env));
}

export async function isDebianLike(env: NodeJS.ProcessEnv): Promise<boolean> {
  const release = (await readIfThere('/etc/os-release')) ?? '';
  return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(release) && findProgram('apt-get', env) !== undefined;
}

export interface InstallOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly report: (detail: string) => void;
  readonly signal: AbortSignal;
}

/** Installs packages without what they only recommend. Waits for another apt to end. */
export async function installPackages(packages: readonly string[], options: InstallOptions): Promise<void> {
  const { report, signal } = options;
  const run = {
    env: { ...options.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' },
    cwd: '/',
    signal,
    onLine: (line: string) => report(`apt: ${line}`),
  };
  const wait = ['-o', 'DPkg::Lock::Timeout=300'];
  await runCommand('apt-get', ['update', ...wait], run);
  await runCommand('apt-get', ['install', '-y', '--no-install-recommends', ...wait, ...packages], run);
}
