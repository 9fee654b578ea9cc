import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { lowerFirewall } from '../../src/sandboxes/docker/firewall.ts';

const run = promisify(execFile);

/** Asks the machine's engine by its own client, past everything that Harbor says of it. */
export async function docker(...args: string[]): Promise<string> {
  return (await run('docker', args, { maxBuffer: 64 * 1024 * 1024 })).stdout.trim();
}

/** Names of the installation's containers, running or not. */
export function containersOf(installation: string): Promise<readonly string[]> {
  return list(installation, '--all');
}

export function runningContainersOf(installation: string): Promise<readonly string[]> {
  return list(installation);
}

async function list(installation: string, ...flags: string[]): Promise<readonly string[]> {
  const filter = `label=harbor.installation=${installation}`;
  const names = await docker('ps', ...flags, '--filter', filter, '--format', '{{.Names}}');
  return names.split('\n').filter((name) => name !== '');
}

export async function stateOf(container: string): Promise<string> {
  return docker('inspect', '--format', '{{.State.Status}}', container);
}

/** Runs a shell command in a container as root and returns what it printed. */
export async function execIn(container: string, script: string): Promise<string> {
  return docker('exec', '--user', '0', container, 'sh', '-c', script);
}

/** Names of everything but images that has an installation's label, running or not. */
export async function everythingOf(installation: string): Promise<readonly string[]> {
  const filter = ['--filter', `label=harbor.installation=${installation}`];
  const lists = [
    await docker('ps', '--all', ...filter, '--format', '{{.Names}}'),
    await docker('network', 'ls', ...filter, '--format', '{{.Name}}'),
    await docker('volume', 'ls', ...filter, '--format', '{{.Name}}'),
  ];
  return lists.flatMap((names) => names.split('\n').filter((name) => name !== '')).toSorted();
}

/** This machine's interfaces on an installation's networks. */
export async function bridgesOf(installation: string): Promise<readonly string[]> {
  const ids = await docker('network', 'ls', '--quiet', '--filter', `label=harbor.installation=${installation}`);
  const name = '{{index .Options "com.docker.network.bridge.name"}}';
  return (await docker('network', 'inspect', '--format', name, ...ids.split('\n'))).split('\n');
}

/** Ends a container as if it had crashed. */
export async function killContainer(container: string): Promise<void> {
  await docker('kill', container);
}

/** Everything an engine knows of a container: its settings, its environment. */
export async function inspected(container: string): Promise<string> {
  return docker('inspect', container);
}

/** Removes all that an installation has at the engine, and its firewall, so that a machine does not fill up with what tests left. */
export async function removeEverything(installation: string): Promise<void> {
  const filter = ['--filter', `label=harbor.installation=${installation}`, '--quiet'];
  for (const [find, remove] of [
    [
      ['ps', '--all'],
      ['rm', '--force', '--volumes'],
    ],
    [
      ['network', 'ls'],
      ['network', 'rm'],
    ],
    [['images'], ['rmi', '--force']],
  ] as const) {
    const ids = (await docker(...find, ...filter)).split('\n').filter((line) => line !== '');
    for (const id of new Set(ids)) await docker(...remove, id).catch(() => '');
  }
  await lowerFirewall(installation);
}

/** The command lines of a container's processes, as the engine sees them from outside. */
export async function processesIn(container: string): Promise<readonly string[]> {
  return (await docker('top', container, '-eo', 'pid,args')).split('\n').slice(1);
}

/** Asks again and again whether a path is there, for `eventually`. */
export const isThere = (container: string, path: string) => async (): Promise<boolean> =>
  (await execIn(container, `[ ! -e ${path} ] || echo yes`)) === 'yes';
