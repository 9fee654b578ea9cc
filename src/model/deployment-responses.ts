/** What the HTTP API answers about deployments and their builds. */
import { z } from 'zod';
import { buildStatuses, deploymentLimitsSchema, deploymentStatuses, entrypointModes } from './deployment.ts';
import { jsonObjectSchema } from './json.ts';
import { page, timestamp } from './responses.ts';

export const buildSchema = z.object({
  id: z.string(),
  status: z.enum(buildStatuses),
  generation: z.int().describe('The upload or rebuild that it is of.'),
  cached: z.boolean().describe('Nothing had to be built: a snapshot of this content was there.'),
  snapshot_id: z.string().nullable().describe('null until it is known.'),
  error_message: z.string().nullable().describe('Why it failed, with the end of its log.'),
  created_at: timestamp,
  started_at: timestamp.nullable(),
  completed_at: timestamp.nullable(),
});
export type BuildResponse = z.infer<typeof buildSchema>;

export const deploymentSummarySchema = z.object({
  id: z.string(),
  name: z.string(),
  status: z.enum(deploymentStatuses),
  snapshot_id: z.string().nullable().describe('Of the newest generation that is ready; null while there is none.'),
  // The existing client prints a null as "None".
  error: z.string().optional().describe('Why it failed; absent otherwise.'),
  generation: z.int().describe('Counts the uploads and rebuilds, from 1.'),
  created_at: timestamp,
  updated_at: timestamp,
});
export type DeploymentSummary = z.infer<typeof deploymentSummarySchema>;

export const deploymentSchema = deploymentSummarySchema.extend({
  description: z.string().nullable(),
  entrypoint: z.string(),
  entrypoint_mode: z.enum(entrypointModes),
  limits: deploymentLimitsSchema,
  metadata: jsonObjectSchema,
  env_vars: z.array(z.string()).describe('Their names; what they hold is not told.'),
  seeds: z.array(z.int()).describe('Of the tasks in the context; empty where any seed is taken.'),
  latest_build: buildSchema.nullable(),
  warnings: z.array(z.string()).describe('Remarks on what was uploaded, such as keys of task.toml that are not known.'),
});
export type DeploymentResponse = z.infer<typeof deploymentSchema>;

export const deploymentStatusSchema = deploymentSummarySchema.extend({
  builds: z.array(buildSchema).describe('Newest first, at most 50.'),
});
export type DeploymentStatusResponse = z.infer<typeof deploymentStatusSchema>;

export const deploymentListSchema = z.object({
  deployments: z.array(deploymentSummarySchema).describe('Newest first.'),
  ...page,
});

export const buildListSchema = z.object({ builds: z.array(buildSchema).describe('Newest first.'), ...page });

export const buildStartedSchema = z.object({
  build_id: z.string(),
  deployment_id: z.string(),
  status: z.enum(buildStatuses),
});
