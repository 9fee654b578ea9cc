import { baseImage, findBaseImage } from './base-image.ts';
import { type Check, missing, ok, optional, problem } from './check.ts';
import { describeEngine, describeMiss, type Engine, type EngineMiss, findEngine } from './engine.ts';
import { findProgram, runCommand } from './run-command.ts';
import { findTemporalCli } from './temporal-cli.ts';

const leastNode = 24;
const setUp = 'Run `harbor setup`.';

/** What this machine has of Node, Temporal, a container engine and the right to its firewall. */
export async function machineChecks(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Check[]> {
  return [
    checkNode(),
    await checkTemporal(env, signal),
    ...(await checkEngine(env, signal)),
    await checkFirewall(env, signal),
  ];
}

function checkNode(): Check {
  const major = Number(process.versions.node.split('.')[0]);
  return major >= leastNode
    ? ok('Node', process.version)
    : problem('Node', `${process.version} is too old`, 'Run `npm run setup` in the checkout: it brings its own.');
}

async function checkTemporal(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Check> {
  const configured = env['TEMPORAL_ADDRESS'];
  if (configured) return ok('Temporal', `the server at ${configured} (TEMPORAL_ADDRESS)`);
  const cli = await findTemporalCli(env, signal);
  return cli
    ? ok('Temporal', `${cli.version}, ${cli.path}`)
    : missing('Temporal', 'no recent `temporal` on PATH or in the cache', setUp);
}

async function checkEngine(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Check[]> {
  const name = 'Container engine';
  const { engine, misses } = await findEngine(env, signal);
  if (!engine) return [engineMissing(name, misses)];
  const usable =
    engine.storageDriver === 'vfs'
      ? optional(
          problem(name, `${describeEngine(engine)}: copies whole images`, 'Give it a storage driver like overlay2.'),
        )
      : ok(name, describeEngine(engine));
  return [usable, await checkBaseImage(engine, signal)];
}

function engineMissing(name: string, misses: readonly EngineMiss[]): Check {
  const told = misses.filter(({ reason }) => reason !== 'absent');
  if (told.length === 0) return missing(name, misses.map(describeMiss).join('; '), setUp);
  const remedy = told.some(({ reason }) => reason === 'forbidden')
    ? 'Add yourself to the group docker (`sudo usermod -aG docker $USER`, then log in anew), or run as root.'
    : 'Restart it.';
  return problem(name, told.map(describeMiss).join('; '), remedy);
}

async function checkBaseImage(engine: Engine, signal: AbortSignal): Promise<Check> {
  const name = 'Base image';
  const image = await findBaseImage(engine, signal);
  if (!image) return optional(missing(name, `${baseImage} is for the demo and the tests`, setUp));
  return ok(name, image.madeFrom === undefined ? baseImage : `${baseImage}, made from ${image.madeFrom}`);
}

async function checkFirewall(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Check> {
  const name = 'Firewall';
  const consequence = 'sandboxes reach whatever listens on all addresses of this machine';
  const iptables = findProgram('iptables', { PATH: `${env['PATH'] ?? ''}:/usr/sbin:/sbin` });
  if (process.getuid?.() !== 0) return optional(problem(name, `not root: ${consequence}`, 'Run Harbor as root.'));
  if (!iptables) return optional(missing(name, `no iptables: ${consequence}`, 'Install the package iptables.'));
  try {
    await runCommand(iptables, ['-w', '-S', 'INPUT'], { env, signal });
    return ok(name, 'iptables may be changed');
  } catch {
    signal.throwIfAborted();
    const remedy = 'In a container, give it the capability NET_ADMIN.';
    return optional(problem(name, `no right to iptables: ${consequence}`, remedy));
  }
}
