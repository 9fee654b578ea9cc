import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { HarborError } from '../model/errors.ts';
import { openCache } from './cache.ts';
import { isDebianLike, installPackages, mayInstallPackages } from './debian.ts';
import { describeEngine, describeMiss, type Engine, type EngineMiss, findEngine } from './engine.ts';
import { plainEnvironment } from './llm-variables.ts';
import { oneAtATime } from './one-at-a-time.ts';
import type { Progress } from './progress.ts';
import { findProgram } from './run-command.ts';
import { startDockerd } from './start-dockerd.ts';

/** iptables keeps sandboxes apart; apparmor because where the kernel has it, no container starts without its parser. */
const packages = ['docker.io', 'iptables', 'apparmor'];

/** Where daemons live, which is on few users' PATH. */
const sbin = '/usr/local/sbin:/usr/sbin:/sbin';

/** Certificates by which the engine knows registries; those that a machine has may hold some of its owner's. */
const certificates = '/etc/ssl/certs/ca-certificates.crt';

/**
 * A container engine that answers: a running one; else, as root, Docker is started, and on Debian and Ubuntu installed
 * before. It is a service of the machine and outlives us. Throws `sandbox_failed` that says what to install.
 */
export async function ensureEngine(env: NodeJS.ProcessEnv, progress: Progress, signal: AbortSignal): Promise<Engine> {
  return progress.step('Container engine', async (report) => {
    const found = await findEngine(env, signal);
    const engine = found.engine ?? (await makeEngine(env, found.misses, report, signal));
    report(describeEngine(engine));
    return engine;
  });
}

async function makeEngine(
  env: NodeJS.ProcessEnv,
  misses: readonly EngineMiss[],
  report: (detail: string) => void,
  signal: AbortSignal,
): Promise<Engine> {
  if (env['DOCKER_HOST'] || misses.some(({ reason }) => reason !== 'absent')) throw unusable(env, misses);
  const cache = await openCache(env);
  const turn = { what: 'the setting up of a container engine', report, signal };
  return oneAtATime(join(cache, 'engine.lock'), turn, async () => {
    // A daemon outlives us: it must not keep keys.
    const withSbin = { ...plainEnvironment(env), PATH: `${env['PATH'] ?? ''}:${sbin}` };
    if (!findProgram('dockerd', withSbin)) {
      if (!(await mayInstallPackages(env))) throw await notInstalled(env);
      report('installing docker.io');
      const wanted = existsSync(certificates) ? packages : [...packages, 'ca-certificates'];
      await installPackages(wanted, { env, report, signal });
    }
    const program = findProgram('dockerd', withSbin);
    if (!program) throw new HarborError('sandbox_failed', `docker.io is installed, and there is no dockerd in ${sbin}`);
    return startDockerd({ program, env: withSbin, log: join(cache, 'dockerd.log'), report, signal });
  });
}

function unusable(env: NodeJS.ProcessEnv, misses: readonly EngineMiss[]): HarborError {
  const forbidden = misses.some(({ reason }) => reason === 'forbidden');
  const remedy = forbidden
    ? 'Add yourself to the group docker (`sudo usermod -aG docker $USER`, then log in anew), or run as root.'
    : env['DOCKER_HOST']
      ? 'Start the engine that DOCKER_HOST names, or unset it to use the one of this machine.'
      : 'Restart that engine; `harbor doctor` shows whether it is well.';
  return new HarborError('sandbox_failed', `no container engine: ${misses.map(describeMiss).join('; ')}`, {
    cause: misses[0]?.error,
    remedy,
  });
}

async function notInstalled(env: NodeJS.ProcessEnv): Promise<HarborError> {
  const remedy = (await isDebianLike(env))
    ? 'Run this as root, or have root install it: `apt-get install docker.io`.'
    : 'Install Docker (https://docs.docker.com/engine/install) or Podman and start it.';
  return new HarborError('sandbox_failed', 'no container engine is installed', { remedy });
}
