import { z } from 'zod';
import { check, type JsonObject } from '../model/json.ts';

const settingsSchema = z.object({
  /** How hard the model shall think, in its provider's words. Default: what the agent itself chooses. */
  reasoning_effort: z
    .string()
    .regex(/^[a-z]+$/, 'must be a word like low, medium or high')
    .optional(),
  /** `own`: the agent gives up when it would by itself. Default: it outlasts five minutes of an absent provider. */
  retries: z.literal('own', 'must be "own", or absent for those that outlast five minutes').optional(),
});
export type AgentSettings = z.infer<typeof settingsSchema>;

const inPolicySchema = z.object({ policy: z.object({ config: settingsSchema }) });

/** What coding agents read of `policy.config` besides agent and model. Throws `invalid_request` that names the field. */
export function readSettings(config: JsonObject): AgentSettings {
  return check({ policy: { config } }, inPolicySchema).policy.config;
}
