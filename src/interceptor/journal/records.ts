import { z } from 'zod';
import { callStatuses, type Dialect } from '../../model/call.ts';

/** The JSON in a journal's frames. */

export const journalHeadSchema = z.object({
  format: z.literal(1),
  /** The process that writes it, so that a reader can tell whether more will come. */
  pid: z.int(),
  start: z.string(),
});
export type JournalHead = z.infer<typeof journalHeadSchema>;

const dialects = [
  'openai-responses',
  'openai-chat',
  'anthropic-messages',
  'other',
] as const satisfies readonly Dialect[];

export const openingSchema = z.object({
  id: z.string(),
  rolloutId: z.string(),
  attempt: z.int(),
  dialect: z.enum(dialects),
  method: z.string(),
  /** Path and query, as the client asked for them. */
  path: z.string(),
  upstream: z.string(),
  /** Epoch milliseconds. */
  startedAt: z.number(),
  contentEncoding: z.string().nullable(),
});
export type CallOpening = z.infer<typeof openingSchema>;

export const answerHeadSchema = z.object({
  status: z.int(),
  contentType: z.string().nullable(),
  contentEncoding: z.string().nullable(),
});
export type AnswerHead = z.infer<typeof answerHeadSchema>;

export const closingSchema = z.object({
  status: z.enum(callStatuses),
  error: z.string().nullable(),
});
export type CallClosing = z.infer<typeof closingSchema>;
