import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { runGuard } from '../../../src/embedded/guard.ts';
import { readInstallation } from '../../../src/embedded/home.ts';
import { dropKeys } from '../../../src/embedded/llm-variables.ts';
import { acquireLock } from '../../../src/embedded/lock.ts';
import { HarborError } from '../../../src/model/errors.ts';

/** Stands in for main.js. */
const roles: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  guard: async (command) => {
    process.exitCode = await runGuard(command);
  },

  /** Says who it is and which keys it was given, to whoever knows the installation's secret. */
  stream: async () => {
    const { secret } = await readInstallation(process.env['HARBOR_INSTALLATION_SECRET_FILE'] ?? '');
    const token = createHmac('sha256', secret).update('admin').digest('base64url');
    const server = createServer((request, response) => {
      response.statusCode = request.headers.authorization === `Bearer ${token}` ? 200 : 401;
      response.end(JSON.stringify({ pid: process.pid, key: process.env['OPENAI_API_KEY'] ?? null }));
    });
    server.listen(Number(process.env['HARBOR_INTERCEPTOR_ADMIN_PORT']), '127.0.0.1');
    await once(server, 'listening');
  },

  /** Answers every request on a port with its process id. */
  serve: async ([port]) => {
    const server = createServer((_request, response) => response.end(String(process.pid)));
    server.listen(Number(port), '127.0.0.1');
    await once(server, 'listening');
  },

  /** Ignores requests to end; so does the process that it starts. */
  stubborn: async ([port, ...rest]) => {
    process.on('SIGTERM', () => undefined);
    await run('serve', [port ?? '', ...rest]);
  },

  /** Tries once for a lock, says `held` or `refused`, and keeps it as long as it lives. */
  lock: async ([path]) => {
    try {
      await acquireLock(path ?? '', { what: 'the lock', remedy: '', patienceMs: 0 });
      process.stdout.write('held\n');
    } catch (error) {
      if (!HarborError.isInstance(error)) throw error;
      process.stdout.write('refused\n');
    }
    process.stdin.resume();
  },

  'drop-keys': async () => {
    dropKeys(process.env);
    process.stdout.write(`${JSON.stringify({ pid: process.pid, arguments: process.argv.slice(2) })}\n`);
    process.stdin.resume();
  },
};

async function run(role: string, args: readonly string[]): Promise<void> {
  const start = roles[role];
  if (!start) throw new Error(`there is no role ${role}`);
  await start(args);
}

const [role = '', ...args] = process.argv.slice(2);
await run(role, args);
