import { z } from 'zod';
import { egressSchema } from './egress.ts';
import { jsonSchema } from './json.ts';
import { limits } from './limits.ts';

export const deploymentStatuses = ['pending', 'building', 'ready', 'failed'] as const;
export type DeploymentStatus = (typeof deploymentStatuses)[number];

export const buildStatuses = ['pending', 'building', 'completed', 'failed'] as const;
export type BuildStatus = (typeof buildStatuses)[number];

/** Names stand in URLs unescaped, so only characters that need no escaping. */
const deploymentNameSchema = z
  .string()
  .min(1, 'must not be empty')
  .max(limits.nameLength, `must have at most ${limits.nameLength} characters`)
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
    'may hold letters, digits, ".", "_" and "-" only, and starts with a letter or digit',
  );

const bounded = ([least, most, fallback]: readonly [number, number, number], unit: string) =>
  z
    .int(`must be a whole number of ${unit}`)
    .min(least, `must be at least ${least} ${unit}`)
    .max(most, `must be at most ${most} ${unit}`)
    .default(fallback);

export const deploymentLimitsSchema = z.object({
  timeout_s: bounded(limits.timeoutSeconds, 'seconds'),
  cpu_cores: bounded(limits.cpuCores, 'cores'),
  memory_mb: bounded(limits.memoryMb, 'MiB'),
  disk_mb: bounded(limits.diskMb, 'MiB'),
});
export type DeploymentLimits = z.infer<typeof deploymentLimitsSchema>;

export const entrypointModes = ['file', 'stdio', 'command'] as const;
export type EntrypointMode = (typeof entrypointModes)[number];

/** The entrypoint of the existing client; where the image brings no `run_rollout`, Harbor's own runner takes its place. */
const defaultEntrypoint = 'run_rollout --input /tmp/rollout.json --output /tmp/result.json';

const envVarsSchema = z
  .record(
    z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'is no name of an environment variable'),
    z
      .string()
      .max(limits.envVarValueBytes, `must have at most ${limits.envVarValueBytes} characters`)
      .refine((value) => !value.includes('\0'), 'must not hold a NUL'),
  )
  .refine((vars) => Object.keys(vars).length <= limits.envVars, `may hold at most ${limits.envVars} variables`);

/** Body of `POST /api/harbor/deployments`, less `context_tar_base64`, which is taken out of the stream before. */
export const createDeploymentSchema = z.object({
  name: deploymentNameSchema,
  description: z.string().max(4096).nullish(),
  dockerfile: z.string().nullish(),
  entrypoint: z.string().min(1, 'must not be empty').max(4096).default(defaultEntrypoint),
  entrypoint_mode: z.enum(entrypointModes).default('file'),
  limits: deploymentLimitsSchema.prefault({}),
  env_vars: envVarsSchema.default({}),
  metadata: z.record(z.string(), jsonSchema).default({}),
  egress: egressSchema.default({}),
});
export type CreateDeployment = z.infer<typeof createDeploymentSchema>;

/** Body of `POST /api/harbor/deployments/{k}/build`, less `context_tar_base64`. All absent: rebuild what is stored. */
export const buildDeploymentSchema = z.object({
  dockerfile: z.string().nullish(),
  context_url: z.null('is not supported: send the archive itself in context_tar_base64').optional(),
  force: z.boolean().default(false),
});

/** Where a deployment's tasks come from: none at all, `tasks/<seed>/`, or one task in the Harbor task format. */
export type TaskLayout = 'none' | 'seeds' | 'task.toml';
