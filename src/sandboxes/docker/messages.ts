import type { Readable } from 'node:stream';
import { z } from 'zod';
import { tryParseJson } from '../../model/json.ts';

const messageSchema = z.object({
  stream: z.string().optional(),
  status: z.string().optional(),
  id: z.string().optional(),
  progressDetail: z.object({ total: z.number().optional() }).nullish(),
  aux: z.unknown().optional(),
  error: z.string().optional(),
});

/** One line of what the engine says while it builds or pulls. */
export type EngineMessage = z.infer<typeof messageSchema>;

/** The engine's messages, as they come. */
export async function* readMessages(stream: Readable | NodeJS.ReadableStream): AsyncGenerator<EngineMessage> {
  const decoder = new TextDecoder();
  let begun = '';
  for await (const chunk of stream) {
    const lines = (begun + decoder.decode(Buffer.from(chunk), { stream: true })).split('\n');
    begun = lines.pop() ?? '';
    for (const line of lines) {
      const message = tryParseJson(line, messageSchema);
      if (message) yield message;
    }
  }
  const last = tryParseJson(begun, messageSchema);
  if (last) yield last;
}
