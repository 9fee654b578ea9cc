import { constants } from 'node:fs';
import { access, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { cachePath } from './cache.ts';
import { type Check, ok, optional, problem } from './check.ts';
import { runningChildren } from './child-state.ts';
import { homeFiles, homeHolder, homePath, readServerInfo } from './home.ts';
import { holdsKeys, interceptorName } from './interceptor.ts';
import { llmKeyNames } from './llm-variables.ts';
import { isFree, readPorts } from './ports.ts';

/** Free space below which a build or a batch soon fails: an image with its layers, and the records of some days. */
const leastFreeBytes = 5e9;

/** The state of the data folder and of what runs on it. Never tells a key. */
export async function homeChecks(env: NodeJS.ProcessEnv): Promise<Check[]> {
  const home = homePath(env);
  const holder = await homeHolder(home);
  const children = await runningChildren(homeFiles(home).run);
  return [
    await checkFolder(home),
    await checkSpace('Disk of the data folder', home),
    await checkSpace('Disk of the cache', cachePath(env)),
    await checkServer(home, holder?.pid, [...children.keys()]),
    ...(holder || children.size > 0 ? [] : [await checkPorts(home)]),
    checkKeys(children.get(interceptorName)?.tag, env),
  ];
}

async function checkFolder(home: string): Promise<Check> {
  const name = 'Data folder';
  const existing = await nearestFolder(home);
  try {
    await access(existing, constants.W_OK);
  } catch {
    return problem(name, `${existing} cannot be written to`, 'Set HARBOR_HOME to a folder that you may write to.');
  }
  return ok(name, existing === home ? home : `${home} will be made`);
}

async function checkSpace(name: string, folder: string): Promise<Check> {
  const { bavail, bsize } = await statfs(await nearestFolder(folder));
  const free = bavail * bsize;
  const detail = `${Math.floor(free / 1e9)} GB free`;
  return free >= leastFreeBytes
    ? ok(name, detail)
    : optional(problem(name, detail, `Make room: at least ${leastFreeBytes / 1e9} GB should be free.`));
}

async function checkServer(home: string, holder: number | undefined, children: readonly string[]): Promise<Check> {
  const name = 'Server';
  if (holder !== undefined) {
    const server = await readServerInfo(home);
    const place = server?.pid === holder ? `runs at ${server.url}` : 'is starting';
    return ok(name, `${place}, process ${holder}`);
  }
  if (children.length === 0) return ok(name, 'not running; `harbor up` starts it');
  return ok(name, `not running, but its ${children.join(' and ')} still is; the next \`harbor up\` takes over`);
}

async function checkPorts(home: string): Promise<Check> {
  const taken = [];
  for (const [name, port] of Object.entries(await readPorts(home))) {
    if (!(await isFree(port))) taken.push(`${port} (${name})`);
  }
  if (taken.length === 0) return ok('Ports', 'free');
  const remedy =
    'The next `harbor up` takes others, which sandboxes in flight do not know. `ss -ltnp` shows who has these.';
  return optional(problem('Ports', `taken by others: ${taken.join(', ')}`, remedy));
}

function checkKeys(runningTag: string | undefined, env: NodeJS.ProcessEnv): Check {
  const name = 'LLM keys';
  if (runningTag !== undefined) {
    return ok(
      name,
      holdsKeys(runningTag)
        ? 'live: the running interceptor holds keys'
        : 'scripted model: the running interceptor was given no key',
    );
  }
  const keys = llmKeyNames(env);
  return ok(
    name,
    keys.length > 0
      ? `live: ${keys.join(', ')}`
      : 'scripted model: neither OPENAI_API_KEY nor ANTHROPIC_API_KEY is set',
  );
}

async function nearestFolder(path: string): Promise<string> {
  try {
    await access(path);
    return path;
  } catch {
    return dirname(path) === path ? path : nearestFolder(dirname(path));
  }
}
