import { execFile } from 'node:child_process';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { silent } from '../../src/embedded/progress.ts';
import { ensureTemporalCli } from '../../src/embedded/temporal-cli.ts';
import { parseJson } from '../../src/model/json.ts';
import { freePort } from '../embedded/support/temporary.ts';
import { composeAsJson } from './compose.ts';
import { programsFolder } from './postgres.ts';

const run = promisify(execFile);
const serviceSchema = z.looseObject({
  environment: z.record(z.string(), z.string()).default({}),
  volumes: z.array(z.string()).default([]),
});
const fileSchema = z.looseObject({ services: z.record(z.string(), serviceSchema) });

/** docker-compose.yml brought up under a name of its own. */
export interface Composed {
  readonly apiUrl: string;
  /** Runs docker-compose on it; what it printed. */
  readonly compose: (...args: string[]) => Promise<string>;
  /** Takes it down, volumes included. */
  readonly remove: () => Promise<void>;
}

/** The files' names in a stand-in's container. */
const stage = '/stand-in';

/** As the image of that name: it makes its database of POSTGRES_* once, and serves it without root. */
const postgres = `
chown 65534:65534 "$PGDATA"
exec setpriv --reuid=65534 --regid=10001 --clear-groups sh -euc '
  if [ ! -s "$PGDATA/PG_VERSION" ]; then
    initdb --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" --auth=scram-sha-256 -E UTF8 --no-locale --no-sync
    echo "create database $POSTGRES_DB" | postgres --single -j -D "$PGDATA" postgres
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
  fi
  exec postgres -k /tmp -c "listen_addresses=*" -c fsync=off'
`;

/** In the place of the entrypoint of its image, which our file starts with the password. */
const temporal = `#!/bin/sh
[ "$1" = autosetup ] && [ -n "$POSTGRES_PWD" ] && exec temporal server start-dev --headless --ip "$BIND_ON_IP"
`;

/**
 * Brings up docker-compose.yml with this image of Harbor: each service with its own command, environment, volumes, ports,
 * health check and order. Only what no registry gives here is stood in for, by this machine's own programs: the images of
 * Postgres and Temporal; and ports of this machine are free ones. The UI is left out.
 */
export async function bringUp(name: string, image: string): Promise<Composed> {
  const folder = await mkdtemp(join(tmpdir(), 'harbor-composed-'));
  const [database, frontend, api, worker, streams, agents] = await Promise.all(Array.from({ length: 6 }, freePort));
  const file = join(folder, 'docker-compose.json');
  const variables = {
    HARBOR_IMAGE: image,
    HARBOR_API_ADDRESS: `127.0.0.1:${api}`,
    LLM_KEYS: folder,
    DOCKER_GID: String((await stat('/var/run/docker.sock')).gid),
  };
  const text = (await composeAsJson(variables))
    .replaceAll('127.0.0.1:5432', `127.0.0.1:${database}`)
    .replaceAll('127.0.0.1:7233', `127.0.0.1:${frontend}`)
    .replace('"HARBOR_HEALTH_PORT": "8791"', `"HARBOR_HEALTH_PORT": "${worker}"`)
    .replace('"HARBOR_HEALTH_PORT": "8792"', `"HARBOR_HEALTH_PORT": "${streams}"`);
  const given = parseJson(text, fileSchema, 'docker-compose.yml');
  const change = (service: string, more: (from: z.infer<typeof serviceSchema>) => object): void => {
    const from = given.services[service];
    if (!from) throw new Error(`docker-compose.yml has no service ${service}`);
    given.services[service] = { ...from, ...more(from) };
  };
  await writeFile(join(folder, 'postgres.sh'), postgres);
  await writeFile(join(folder, 'entrypoint.sh'), temporal, { mode: 0o755 });
  const programs = await programsFolder();
  const { path: temporalProgram } = await ensureTemporalCli(process.env, silent, AbortSignal.timeout(600_000));
  change('postgres', ({ environment, volumes }) => ({
    image,
    user: '0',
    entrypoint: ['/bin/sh', '-eu', `${stage}/postgres.sh`],
    environment: { ...environment, PGDATA: '/var/lib/postgresql/data', PATH: `${programs}:/usr/bin:/bin` },
    volumes: [...volumes, '/usr:/usr:ro', `${folder}:${stage}:ro`],
  }));
  change('temporal', ({ volumes }) => ({
    image,
    volumes: [
      ...volumes,
      `${temporalProgram}:/usr/local/bin/temporal:ro`,
      `${join(folder, 'entrypoint.sh')}:/etc/temporal/entrypoint.sh:ro`,
    ],
  }));
  for (const role of ['worker', 'interceptor']) {
    change(role, ({ environment }) => ({ environment: { ...environment, HARBOR_INTERCEPTOR_PORT: String(agents) } }));
  }
  delete given.services['temporal-ui'];
  await writeFile(file, JSON.stringify(given));

  const compose = async (...args: string[]): Promise<string> =>
    (await run('docker-compose', ['--project-name', name, '--file', file, ...args], { cwd: folder })).stdout.trim();
  const remove = async (): Promise<void> => {
    await compose('down', '--volumes', '--timeout', '30');
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await compose('up', '--detach', '--no-build');
  } catch (error) {
    const said = await compose('logs', '--no-color', '--tail', '20');
    await remove();
    throw new Error(`docker-compose.yml does not come up:\n${said}`, { cause: error });
  }
  return { apiUrl: `http://127.0.0.1:${api}`, compose, remove };
}
