import { TomlError, parse } from 'smol-toml';
import { z } from 'zod';
import type { EgressMode } from './egress.ts';
import { HarborError, invalid } from './errors.ts';
import { limits } from './limits.ts';
import { refuseSecretEnv } from './llm-keys.ts';
import type { TaskSettings } from './task.ts';
import { ignored, noted, refused, supported } from './task-toml-keys.ts';

export interface TaskToml {
  readonly settings: TaskSettings;
  readonly limits: TaskLimits;
  /** What the file asks for and does not get, a sentence each. */
  readonly warnings: readonly string[];
}

/** The sandbox that a task asks for; absent: the deployment's own limits. */
export interface TaskLimits {
  readonly cpuCores?: number;
  readonly memoryMb?: number;
  readonly diskMb?: number;
}

const within = ([least, most]: readonly [number, number, number], unit: string) => {
  const range = `must be from ${least} to ${most} ${unit}`;
  return z.number(range).min(least, range).max(most, range);
};
const whole = (range: readonly [number, number, number], unit: string) =>
  within(range, unit).refine(Number.isInteger, `must be a whole number of ${unit}`);

const userSchema = z
  .union([z.string(), z.int()], 'must be a user name or id')
  .transform(String)
  .refine((user) => /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(user), 'must be a user name or id');

const networkModeSchema = z.enum(['public', 'no-network'], 'must be "public" or "no-network"');

const envSchema = z.record(
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'is no name of an environment variable'),
  z.string('must be a text').max(limits.envVarValueBytes),
);

/** The old form of sizes: `2G`, `512M`. Gives MiB. */
const sizeSchema = z.string().transform((text, context) => {
  const [, number, unit] = /^\s*(\d+(?:\.\d+)?)\s*([GMK])B?\s*$/i.exec(text) ?? [];
  const scale = { G: 1024, M: 1, K: 1 / 1024 }[unit?.toUpperCase() ?? ''];
  if (number !== undefined && scale !== undefined) return Math.floor(Number(number) * scale);
  context.addIssue({ code: 'custom', message: 'must be a size such as "2G" or "512M"' });
  return z.NEVER;
});

/** A path, or a path with settings that say where the format's own runner would put it. */
const artifactSchema = z.union(
  [z.string().min(1), z.object({ source: z.string().min(1) }).transform(({ source }) => source)],
  'must be a path, or a table with a source',
);

const taskTomlSchema = z.object({
  artifacts: z
    .array(artifactSchema, 'must be a list')
    .max(limits.artifacts - 1, `may name at most ${limits.artifacts - 1} paths`)
    .default([]),
  agent: z
    .object({
      /** The range of a rollout's own limit. */
      timeout_sec: within([1, limits.timeoutSeconds[1], 0], 'seconds').optional(),
      user: userSchema.optional(),
      network_mode: networkModeSchema.optional(),
    })
    .prefault({}),
  verifier: z
    .object({
      timeout_sec: within(limits.testsTimeoutSeconds, 'seconds').default(limits.testsTimeoutSeconds[2]),
      user: userSchema.optional(),
      env: envSchema.default({}),
      network_mode: networkModeSchema.optional(),
      processes: z.enum(['kill', 'keep'], 'must be "kill" or "keep"').default('keep'),
    })
    .prefault({}),
  environment: z
    .object({
      cpus: whole(limits.cpuCores, 'cores').optional(),
      memory_mb: whole(limits.memoryMb, 'MiB').optional(),
      memory: sizeSchema.pipe(whole(limits.memoryMb, 'MiB')).optional(),
      storage_mb: whole(limits.diskMb, 'MiB').optional(),
      storage: sizeSchema.pipe(whole(limits.diskMb, 'MiB')).optional(),
      env: envSchema.default({}),
      workdir: z.string().startsWith('/', 'must be an absolute path').optional(),
      network_mode: networkModeSchema.optional(),
      allow_internet: z.boolean().optional(),
    })
    .prefault({}),
});

/**
 * Reads a task.toml of the Harbor task format (up to schema 1.4), with one key of our own: `verifier.processes`, `kill`
 * or `keep` (default). `file` names it in messages. Throws `invalid_request` with the field `<file>: <key>` for what is
 * malformed, out of range, or asks for something that Harbor cannot do, since the task would not be what its author
 * meant. Unknown keys are warnings. `${VAR:-default}` in `env` is its default; `${VAR}` alone is refused: the server's
 * own environment is nobody's business.
 */
export function parseTaskToml(text: string, file: string, hasDockerfile: boolean): TaskToml {
  const toml = readToml(text, file);
  const warnings = inspectKeys(toml, file, hasDockerfile);

  const parsed = taskTomlSchema.safeParse(toml);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw invalid(`${file}: ${issue?.path.map(String).join('.') ?? ''}`, issue?.message ?? 'does not fit');
  }
  const { agent, verifier, environment, artifacts } = parsed.data;
  const baseline = environment.network_mode ?? legacyMode(environment.allow_internet);
  return {
    settings: {
      format: 'task.toml',
      processes: verifier.processes,
      agentUser: agent.user,
      agentTimeoutSeconds: agent.timeout_sec,
      testsUser: verifier.user,
      testsTimeoutSeconds: verifier.timeout_sec,
      testsEnv: resolveEnv(verifier.env, `${file}: verifier.env`),
      sandboxEnv: resolveEnv(environment.env, `${file}: environment.env`),
      workdir: environment.workdir,
      artifacts: [...artifacts, formatArtifacts],
      agentEgress: egress(agent.network_mode ?? baseline, 'interceptor-only'),
      testsEgress: egress(verifier.network_mode ?? baseline, 'none'),
    },
    limits: {
      cpuCores: environment.cpus,
      memoryMb: environment.memory_mb ?? environment.memory,
      diskMb: environment.storage_mb ?? environment.storage,
    },
    warnings,
  };
}

/** What the format's own runner always keeps. */
const formatArtifacts = '/logs/artifacts';

const tableSchema = z.record(z.string(), z.unknown());
type Table = z.infer<typeof tableSchema>;

function readToml(text: string, file: string): Table {
  try {
    return tableSchema.parse(parse(text));
  } catch (error) {
    const where = error instanceof TomlError ? `line ${error.line}: ` : '';
    throw new HarborError('invalid_request', `${file}: ${where}is not valid TOML`, { field: file, cause: error });
  }
}

/** Refuses what cannot be done, by name; returns what is left out. */
function inspectKeys(toml: Table, file: string, hasDockerfile: boolean): readonly string[] {
  const warnings: string[] = [];
  for (const [key, value] of flatKeys(toml)) {
    const refusal = refused.get(key);
    if (refusal && refusal.when(value, hasDockerfile)) throw invalid(`${file}: ${key}`, refusal.why, refusal.remedy);
    const note = noted.get(key);
    const isKnown = refusal || supported.has(key) || ignored.has(key);
    if (note) warnings.push(`${file}: ${key} ${note}`);
    else if (!isKnown) warnings.push(`${file}: ${key} is not known here and changes nothing`);
  }
  return warnings;
}

/** Top-level keys, and in place of the three tables that matter, theirs: `agent.timeout_sec`. */
function* flatKeys(toml: Table): Generator<readonly [key: string, value: unknown]> {
  for (const [name, value] of Object.entries(toml)) {
    const table = ['agent', 'verifier', 'environment'].includes(name) ? tableSchema.safeParse(value) : undefined;
    if (!table?.success) yield [name, value];
    else for (const [key, inner] of Object.entries(table.data)) yield [`${name}.${key}`, inner];
  }
}

const legacyMode = (allowInternet: boolean | undefined) => {
  if (allowInternet === undefined) return undefined;
  return allowInternet ? 'public' : 'no-network';
};

function egress(mode: 'public' | 'no-network' | undefined, closed: EgressMode): EgressMode | undefined {
  if (mode === undefined) return undefined;
  return mode === 'public' ? 'open' : closed;
}

function resolveEnv(env: Readonly<Record<string, string>>, field: string): Readonly<Record<string, string>> {
  const resolved = Object.entries(env).map(([name, value]): [string, string] => {
    const [template, variable, fallback] = /^\$\{([^}:]+)(?::-(.*))?\}$/s.exec(value) ?? [];
    if (template === undefined) return [name, value];
    if (fallback !== undefined) return [name, fallback];
    throw invalid(
      `${field}.${name}`,
      `asks for ${variable} of the server's own environment, which no task gets`,
      `Write the value, or a default: \${${variable}:-value}.`,
    );
  });
  const result = Object.fromEntries(resolved);
  refuseSecretEnv(result, field);
  return result;
}
