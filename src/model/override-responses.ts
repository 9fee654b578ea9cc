/** What the API tells of overrides: the two shapes that the existing client's halves read, in one. */
import { z } from 'zod';

const overrideErrorType = z.enum([
  'validation',
  'path_traversal',
  'permission',
  'size_limit',
  'timeout',
  'runtime',
  'not_found',
]);
const partStatus = z.enum(['applied', 'failed']);

export const overrideStatusSchema = z.object({
  override_id: z.string().nullable(),
  overall_status: z.enum(['applied', 'partial', 'failed', 'skipped']),
  errors: z.array(z.object({ error_type: overrideErrorType, message: z.string(), target: z.string().nullable() })),
  file_artifacts: z.record(
    z.string(),
    z.object({
      status: partStatus,
      bytes_written: z.int(),
      error: z.string().nullable(),
      /** Where it lies in the sandbox: at its own path, and where the agent reads it if that is elsewhere. */
      placed_at: z.array(z.string()).optional(),
    }),
  ),
  preflight_script: z
    .object({
      status: partStatus,
      exit_code: z.int().nullable(),
      stdout: z.string(),
      stderr: z.string(),
      duration_ms: z.int(),
      error: z.string().nullable(),
    })
    .nullable(),
  env_vars: z.record(z.string(), z.object({ status: partStatus, error: z.string().nullable() })),
  /** Of the first error. */
  error_type: overrideErrorType.nullable(),
  error_message: z.string().nullable(),
  files_applied: z.array(z.string()),
  files_failed: z.array(z.string()),
  env_vars_applied: z.array(z.string()),
  preflight_succeeded: z.boolean().nullable(),
  duration_ms: z.int().nullable(),
});
export type OverrideStatus = z.infer<typeof overrideStatusSchema>;
