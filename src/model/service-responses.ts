/** What the HTTP API answers about the server itself. */
import { z } from 'zod';

/** `GET /`: where things are. */
export const serviceSchema = z.object({
  name: z.literal('harbor'),
  api: z.string(),
  docs: z.string().describe('This description as a page.'),
  openapi: z.string().describe('This description as JSON.'),
  health: z.string(),
  readiness: z.string(),
});

export const livenessSchema = z.object({ status: z.literal('ok') });

/** Of each part `ok`, or what is wrong with it. */
export const readinessSchema = z.object({
  status: z.enum(['ready', 'not ready']),
  store: z.string(),
  temporal: z.string(),
});
