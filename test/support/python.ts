import { join } from 'node:path';
import { openCache } from '../../src/embedded/cache.ts';
import { installPackages, mayInstallPackages } from '../../src/embedded/debian.ts';
import { oneAtATime } from '../../src/embedded/one-at-a-time.ts';
import { isProgram, runCommand } from '../../src/embedded/run-command.ts';

/** A Python that has these packages of PyPI, each as `name==version`; made once per machine, in the cache. */
export async function pythonWith(packages: readonly string[]): Promise<string> {
  const { env } = process;
  const signal = AbortSignal.timeout(600_000);
  const cache = await openCache(env);
  const folder = join(cache, `test-python-${packages.join('-').replaceAll(/[^\w.-]/g, '')}`);
  const python = join(folder, 'bin', 'python');
  const done = join(folder, 'bin', 'complete');
  await oneAtATime(`${folder}.lock`, { what: 'a Python environment', report: () => undefined, signal }, async () => {
    if (isProgram(done)) return;
    const make = () => runCommand('python3', ['-m', 'venv', '--clear', folder], { env, signal });
    await make().catch(async (error: unknown) => {
      // Debian's Python comes without it.
      if (!(await mayInstallPackages(env))) throw error;
      await installPackages(['python3-venv'], { env, report: () => undefined, signal });
      await make();
    });
    await runCommand(python, ['-m', 'pip', 'install', '--quiet', '--no-compile', ...packages], { env, signal });
    await runCommand('ln', ['-s', 'python', done], { env, signal });
  });
  return python;
}
