import { readFileSync } from 'node:fs';
import { homePath } from './embedded/home.ts';
import type { CapacitySettings } from './model/capacity.ts';
import { HarborError, invalid } from './model/errors.ts';
import type { DiskSettings } from './model/garbage.ts';

/** What `harbor up` is told by its environment; read once, here. */
export interface Config {
  readonly homePath: string;
  /** Undefined: 8000 if it is free, else the next free one. 0: any free one. */
  readonly port: number | undefined;
  readonly host: string;
  /** Where it says how it is, and what it measures. Port undefined: the usual one of the role. */
  readonly health: { readonly host: string; readonly port: number | undefined };
  /** The first API key, where one is given from outside. */
  readonly apiKey: string | undefined;
  /** How a role that was told to end goes about it. */
  readonly drain: DrainSettings;
  /** What may run at once, as far as it does not follow from the machine. */
  readonly capacity: CapacitySettings;
  /** How much is kept. */
  readonly disk: DiskSettings;
  readonly logLevel: string;
  /** A Postgres database. Undefined: the embedded one, in the data folder. */
  readonly databaseUrl: string | undefined;
}

export interface DrainSettings {
  /** Milliseconds for which it still serves and is not ready: until load balancers have seen it. */
  readonly pauseMs: number;
  /** Milliseconds that what is open then may take to its end. Undefined: what suits the role. */
  readonly graceMs: number | undefined;
}

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/** Throws `invalid_request` that names the variable. */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  return {
    homePath: homePath(env),
    port: wholeNumber(env, 'HARBOR_PORT', 0, 65_535),
    host: env['HARBOR_HOST'] || '127.0.0.1',
    health: {
      host: env['HARBOR_HEALTH_HOST'] || '127.0.0.1',
      port: wholeNumber(env, 'HARBOR_HEALTH_PORT', 0, 65_535),
    },
    apiKey: apiKey(env),
    drain: {
      pauseMs: (wholeNumber(env, 'HARBOR_DRAIN_PAUSE_S', 0, 3600) ?? 0) * 1000,
      graceMs: milliseconds(wholeNumber(env, 'HARBOR_DRAIN_GRACE_S', 0, 86_400)),
    },
    capacity: {
      running: wholeNumber(env, 'HARBOR_MAX_RUNNING', 1, 1000),
      starting: wholeNumber(env, 'HARBOR_MAX_STARTING', 1, 1000),
      memoryMb: wholeNumber(env, 'HARBOR_MEMORY_MB', 512, 2 ** 30),
    },
    disk: {
      snapshotBytes: gigabytes(env, 'HARBOR_SNAPSHOTS_GB'),
      buildCacheBytes: gigabytes(env, 'HARBOR_BUILD_CACHE_GB'),
      traceDays: wholeNumber(env, 'HARBOR_TRACE_RETENTION_DAYS', 1, 36_500),
    },
    logLevel: oneOf(env, 'HARBOR_LOG_LEVEL', logLevels) ?? 'info',
    databaseUrl: databaseUrl(env),
  };
}

/** `DATABASE_URL`, or the content of the file that `DATABASE_URL_FILE` names: its password need not be in an environment. */
export function databaseUrl(env: NodeJS.ProcessEnv): string | undefined {
  const name = 'DATABASE_URL';
  const url = readSecret(env, name);
  if (!url) return undefined;
  // The address itself is never shown: it may hold a password.
  if (!/^postgres(ql)?:\/\//.test(url)) throw invalid(name, 'must begin with postgresql://');
  return url;
}

/**
 * The environment with the LLM keys that `OPENAI_API_KEY_FILE` and `ANTHROPIC_API_KEY_FILE` name in the place of these. For
 * processes that hand keys on to the interceptor, and to nobody else.
 */
export function withLlmKeys(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const all = { ...env };
  for (const name of ['OPENAI_API_KEY', 'ANTHROPIC_API_KEY']) {
    const key = readSecret(env, name);
    delete all[`${name}_FILE`];
    if (key) all[name] = key;
  }
  return all;
}

/**
 * `HARBOR_SECRET`, by which all processes of one installation know each other. Throws `invalid_request` where it is not set.
 */
export function installationSecret(env: NodeJS.ProcessEnv): string {
  const name = 'HARBOR_SECRET';
  const value = readSecret(env, name);
  if (value && /^[0-9a-f]{64}$/.test(value)) return value;
  const problem = value ? 'must be 64 hexadecimal digits' : 'is not set';
  throw invalid(name, problem, 'Make one with `openssl rand -hex 32`, the same for all processes.');
}

/** A variable that holds a secret, or the content of the file that the same name with `_FILE` names. */
export function readSecret(env: NodeJS.ProcessEnv, name: string): string | undefined {
  const file = env[`${name}_FILE`]?.trim();
  const given = env[name]?.trim();
  if (file && given) throw invalid(name, `is set, and so is ${name}_FILE`, 'Set one of the two.');
  return file ? readSecretFile(`${name}_FILE`, file) : given;
}

/** Port of the `harbor interceptor`s, as sandboxes know it. */
export function roleInterceptorPort(env: NodeJS.ProcessEnv): number {
  return wholeNumber(env, 'HARBOR_INTERCEPTOR_PORT', 1, 65_535) ?? 8788;
}

function readSecretFile(name: string, file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new HarborError('invalid_request', `${name}: the file ${file} cannot be read`, { cause: error, field: name });
  }
}

function wholeNumber(env: NodeJS.ProcessEnv, name: string, least: number, most: number): number | undefined {
  const text = env[name]?.trim();
  if (!text) return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < least || value > most) {
    throw invalid(name, `must be a whole number from ${least} to ${most}, and is "${text}"`);
  }
  return value;
}

function milliseconds(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1000;
}

/** In bytes. */
function gigabytes(env: NodeJS.ProcessEnv, name: string): number | undefined {
  const value = wholeNumber(env, name, 1, 1_000_000);
  return value === undefined ? undefined : value * 1e9;
}

function oneOf(env: NodeJS.ProcessEnv, name: string, values: readonly string[]): string | undefined {
  const value = env[name]?.trim();
  if (!value) return undefined;
  if (!values.includes(value)) throw invalid(name, `must be one of ${values.join(', ')}`);
  return value;
}

function apiKey(env: NodeJS.ProcessEnv): string | undefined {
  const key = readSecret(env, 'HARBOR_API_KEY');
  if (!key) return undefined;
  if (key.length < 16) throw invalid('HARBOR_API_KEY', 'must have at least 16 characters');
  return key;
}
