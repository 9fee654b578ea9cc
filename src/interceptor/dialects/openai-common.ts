import { z } from 'zod';
import { type JsonObject, tryParseJson } from '../../model/json.ts';
import type { RefusalError, RequestFacts } from './dialect.ts';

/** What OpenAI's two dialects have in common, and those who imitate them. */

const requestSchema = z.object({
  model: z.string().nullish().catch(null),
  stream: z.boolean().nullish().catch(null),
});

export function readOpenaiRequest(body: string): RequestFacts {
  const request = tryParseJson(body, requestSchema);
  return { model: request?.model ?? null, streamed: request?.stream ?? false };
}

export const openaiErrorSchema = z.object({
  message: z.string().nullish(),
  code: z.union([z.string(), z.number()]).nullish(),
});
type OpenaiError = z.infer<typeof openaiErrorSchema>;

/** Clients repeat a `server_error` and give up at the rest. */
export function openaiErrorBody({ status, code, message }: RefusalError): JsonObject {
  const type = status >= 500 ? 'server_error' : 'invalid_request_error';
  return { error: { message, type, param: null, code } };
}

export function openaiErrorText(error: OpenaiError | null | undefined): string | null {
  return [error?.code, error?.message].filter(Boolean).join(': ') || null;
}
