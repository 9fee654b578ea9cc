import { homePath } from './embedded/home.ts';
import type { CapacitySettings } from './model/capacity.ts';
import { invalid } from './model/errors.ts';

/** What `harbor up` is told by its environment; read once, here. */
export interface Config {
  readonly homePath: string;
  /** Undefined: 8000 if it is free, else the next free one. 0: any free one. */
  readonly port: number | undefined;
  readonly host: string;
  /** The first API key, where one is given from outside. */
  readonly apiKey: string | undefined;
  /** What may run at once, as far as it does not follow from the machine. */
  readonly capacity: CapacitySettings;
  readonly logLevel: string;
}

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/** Throws `invalid_request` that names the variable. */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  return {
    homePath: homePath(env),
    port: wholeNumber(env, 'HARBOR_PORT', 0, 65_535),
    host: env['HARBOR_HOST'] || '127.0.0.1',
    apiKey: apiKey(env),
    capacity: {
      running: wholeNumber(env, 'HARBOR_MAX_RUNNING', 1, 1000),
      starting: wholeNumber(env, 'HARBOR_MAX_STARTING', 1, 1000),
      memoryMb: wholeNumber(env, 'HARBOR_MEMORY_MB', 512, 2 ** 30),
    },
    logLevel: oneOf(env, 'HARBOR_LOG_LEVEL', logLevels) ?? 'info',
  };
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

function oneOf(env: NodeJS.ProcessEnv, name: string, values: readonly string[]): string | undefined {
  const value = env[name]?.trim();
  if (!value) return undefined;
  if (!values.includes(value)) throw invalid(name, `must be one of ${values.join(', ')}`);
  return value;
}

function apiKey(env: NodeJS.ProcessEnv): string | undefined {
  const key = env['HARBOR_API_KEY']?.trim();
  if (!key) return undefined;
  if (key.length < 16) throw invalid('HARBOR_API_KEY', 'must have at least 16 characters');
  return key;
}
