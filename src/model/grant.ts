import { z } from 'zod';
import { budgetSchema } from './budget.ts';
import type { ModelScript } from './task.ts';

const scriptSchema: z.ZodType<ModelScript> = z.object({
  turns: z.array(z.object({ say: z.string().optional(), run: z.string().optional() })),
});

/**
 * What one attempt may do at the interceptor, from the moment its sandbox is made until it ends. Pushed by the worker,
 * kept by the interceptor in a file of its own.
 */
export const grantSchema = z.object({
  rolloutId: z.string(),
  attempt: z.int().positive(),
  /** Models that may be asked for; empty: any. */
  models: z.array(z.string()),
  /** Played where no real upstream is configured. */
  script: scriptSchema.nullable(),
  /**
   * What its calls take from, each by an id that all who share it name alike: `rollout/<id>` for all attempts of a rollout.
   * A call is forwarded where it fits into every one of them.
   */
  budgets: z.array(budgetSchema.extend({ id: z.string() })).optional(),
});
export type Grant = z.infer<typeof grantSchema>;

/** Answer to a revocation: everything that the attempt did lies before this place of this journal. */
export const revocationSchema = z.object({
  journal: z.string(),
  offset: z.int().nonnegative(),
});
export type Revocation = z.infer<typeof revocationSchema>;
