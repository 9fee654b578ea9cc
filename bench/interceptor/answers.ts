import { createHash } from 'node:crypto';

/**
 * What the upstream answers: it follows from the request's bytes, so that whoever asked knows the answer byte for byte, and
 * a request that arrived changed gets another one.
 */

export const requestId = (body: Buffer): string => createHash('sha256').update(body).digest('hex');

export function chatAnswer(id: string): Buffer {
  const message = { role: 'assistant', content: 'It is mended, and the tests pass.' };
  const usage = { prompt_tokens: 400, completion_tokens: 8, total_tokens: 408 };
  return Buffer.from(
    JSON.stringify({ id, object: 'chat.completion', model: 'bench', choices: [{ index: 0, message }], usage }),
  );
}

/** About what one token takes in a stream of Chat Completions. */
export function streamChunk(id: string, index: number): string {
  const delta = `{"index":0,"delta":{"content":" token ${index}"},"logprobs":null,"finish_reason":null}`;
  return `data: {"id":"chatcmpl-${id.slice(0, 29)}","object":"chat.completion.chunk","model":"bench","choices":[${delta}]}\n\n`;
}

export const streamEnd = 'data: [DONE]\n\n';

export function streamAnswer(id: string, chunks: number): Buffer {
  const pieces = Array.from({ length: chunks }, (_, index) => streamChunk(id, index));
  return Buffer.from(pieces.join('') + streamEnd);
}

/** A request of 2 kB, unlike any other. `perSecond`: chunks of a paced stream; 0: all at once. */
export function requestBody(number: string, stream?: { readonly chunks: number; readonly perSecond: number }): Buffer {
  const messages = [{ role: 'user', content: `${number} ${'Mend the list, and look after its tests. '.repeat(45)}` }];
  return Buffer.from(JSON.stringify({ model: 'bench', ...(stream && { stream: true, bench: stream }), messages }));
}
