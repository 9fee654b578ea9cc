import { readInstallation } from '../embedded/home.ts';
import { runInterceptor } from '../interceptor/main.ts';
import { readUpstreams } from '../interceptor/options.ts';
import { createLogger } from '../log.ts';
import { invalid } from '../model/errors.ts';

/**
 * The interceptor as a process of its own, below `harbor up` or `harbor interceptor`. All it knows comes from its environment, the real LLM
 * keys among it, which no other process of Harbor has.
 */
export async function runInterceptorProcess(env: NodeJS.ProcessEnv): Promise<void> {
  const logger = createLogger('interceptor', 'info');
  const stop = new AbortController();
  // Its guard passes on what it is sent, so that each comes twice.
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => stop.abort());
  const { secret } = await readInstallation(required(env, 'HARBOR_INSTALLATION_SECRET_FILE'));
  const supervisorUrl = env['HARBOR_INTERCEPTOR_SUPERVISOR'];
  await runInterceptor(
    {
      directory: required(env, 'HARBOR_INTERCEPTOR_DIR'),
      publicPort: Number(required(env, 'HARBOR_INTERCEPTOR_PORT')),
      publicHosts: required(env, 'HARBOR_INTERCEPTOR_HOSTS').split(','),
      adminPort: Number(required(env, 'HARBOR_INTERCEPTOR_ADMIN_PORT')),
      installationSecret: secret,
      ...(supervisorUrl && { supervisorUrl, sharesPort: true }),
      upstreams: readUpstreams(env),
      onError: (error) => logger.error({ err: error }, error.message),
    },
    stop.signal,
  );
}

function required(env: NodeJS.ProcessEnv, name: string): string {
  const value = env[name];
  if (!value) throw invalid(name, 'is not set');
  return value;
}
