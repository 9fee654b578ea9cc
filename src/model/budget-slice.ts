import { z } from 'zod';

const amountsSchema = z.object({ usd: z.number(), tokens: z.number(), calls: z.number() });

/**
 * What an interceptor says of its slices of budgets, and asks for. One that hears no answer may spend no more than what it
 * keeps until it has heard one.
 */
export const sliceRequestSchema = z.object({
  slices: z.array(
    z.object({
      /** Of the budget. */
      id: z.string(),
      /** Of the whole budget; absent where it only gives back. */
      limits: z
        .object({ usd: z.number().optional(), tokens: z.number().optional(), calls: z.number().optional() })
        .optional(),
      /** As it was answered last; null: it knows of no slice. */
      version: z.int().nullable(),
      /** Spent and reserved. */
      taken: amountsSchema,
      /** Of its slice; the rest it gives back. */
      keep: amountsSchema,
      /** Whether calls of its own hold a part of what is taken, which they may give back. */
      isOpen: z.boolean(),
      /** What it would have beyond what is taken, so that calls to come need not ask. */
      ahead: amountsSchema,
    }),
  ),
  /** Calls that wait, each for room in all of its budgets. */
  claims: z.array(z.object({ budgets: z.array(z.string()).readonly(), amounts: amountsSchema })),
});
export type SliceRequest = z.infer<typeof sliceRequestSchema>;

const claimOutcomeSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('granted') }),
  /** What is missing is held somewhere, and may be given back. */
  z.object({ kind: z.literal('waits') }),
  /** It cannot be told: what the interceptor knew of its slices was out of date. */
  z.object({ kind: z.literal('unknown') }),
  /** It does not fit beside what is spent for good in this budget. */
  z.object({
    kind: z.literal('refused'),
    budget: z.string(),
    spent: amountsSchema,
    /** Part of that: slices of interceptors that have not been heard of for long. */
    silent: amountsSchema,
  }),
]);
export type ClaimOutcome = z.infer<typeof claimOutcomeSchema>;

export const sliceAnswerSchema = z.object({
  slices: z.array(z.object({ id: z.string(), version: z.int(), held: amountsSchema, wasKnown: z.boolean() })),
  /** In the order of the claims. */
  claims: z.array(claimOutcomeSchema),
});
export type SliceAnswer = z.infer<typeof sliceAnswerSchema>;
