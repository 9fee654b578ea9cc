import { readFile } from 'node:fs/promises';

/** Docker's own choice of file: with systemd-resolved alone in resolv.conf, that one's list of the real servers. */
const [usual, resolved] = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'];

/**
 * Whether names resolve in a network without a way out, so that data can leave in questions (CVE-2024-29018). Engines
 * before 25.0.5 send a container's questions from the host's own network where the host's name server is on loopback;
 * in all other cases from inside the closed network, which they do not leave.
 */
export async function leaksNames(engineVersion: string): Promise<boolean> {
  const [major = 0, minor = 0, patch = 0] = engineVersion.split(/[.+-]/).map(Number);
  const mended = major > 25 || (major === 25 && (minor > 0 || patch >= 5)) || (major === 23 && patch >= 11);
  if (mended) return false;
  let servers = nameServers(await readIfThere(usual));
  if (servers.length === 1 && servers[0] === '127.0.0.53') servers = nameServers(await readIfThere(resolved));
  return servers.length > 0 && servers.every((server) => /^127\.|^::1$/.test(server));
}

const nameServers = (text: string): string[] =>
  text.split('\n').flatMap((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? []);

async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return '';
  }
}
