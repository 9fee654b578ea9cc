/**
 * An instance is a seed of a deployment that somebody means to run. Every seed runs on the deployment's one snapshot, so that
 * it is as ready as the deployment is; only one for which the deployment has no task has failed.
 */
import { z } from 'zod';
import { deploymentStatuses } from './deployment.ts';
import { limits } from './limits.ts';

const [leastCount, mostCount, usualCount] = limits.instances;
const [leastSeed, mostSeed] = limits.seed;

/** Body of `POST /api/harbor/deployments/{k}/instances/batch`. Seeds that are instances already stay so. */
export const createInstancesSchema = z
  .object({
    count: z
      .int('must be a whole number')
      .min(leastCount, `must be at least ${leastCount}`)
      .max(mostCount, `must be at most ${mostCount}`)
      .default(usualCount)
      .describe('How many seeds, counted up from `start_seed`.'),
    start_seed: z
      .int('must be a whole number')
      .min(leastSeed, `must be at least ${leastSeed}`)
      .max(mostSeed, `must be at most ${mostSeed}`)
      .default(0)
      .describe('The first seed.'),
  })
  .refine(({ count, start_seed }) => start_seed + count - 1 <= mostSeed, {
    path: ['start_seed'],
    error: `must leave room for all seeds: the last is at most ${mostSeed}`,
  });

const instanceSchema = z.object({
  seed: z.int(),
  status: z.enum(deploymentStatuses),
  error: z.string().nullable().describe('Why it has failed.'),
});

/** Of all instances of the deployment. */
const countsSchema = z.object({
  deployment_id: z.string(),
  total: z.int(),
  ready_count: z.int(),
  pending_count: z.int(),
  building_count: z.int(),
  failed_count: z.int(),
});
export type InstanceCounts = z.infer<typeof countsSchema>;

export const instanceListSchema = countsSchema.extend({
  instances: z.array(instanceSchema).describe('By seed.'),
  limit: z.int(),
  offset: z.int(),
});
export type InstanceList = z.infer<typeof instanceListSchema>;

export const instancesCreatedSchema = countsSchema.extend({
  created_count: z.int().describe('How many of the seeds were no instances before.'),
});

export const instancesBuildSchema = countsSchema.extend({
  total_instances: z.int().describe('The same as `total`, where the existing client looks for it.'),
  build_id: z.string().nullable().describe('The build that is under way; null where nothing has to be built.'),
});
