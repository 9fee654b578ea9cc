import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

/** One request that reached the provider: what it would have sent a bill for. */
export interface UpstreamCall {
  /** Which the agent told, in the words that {@link askedBy} reads. */
  readonly asked: Asked;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Tokens of its answer, whether or not somebody read it to its end. */
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** Who asks: an agent's start, its step in the work, and its how-manieth try at that step. */
export interface Asked {
  readonly rollout: string;
  readonly start: string;
  readonly step: number;
  readonly ask: number;
}

export interface Upstream extends AsyncDisposable {
  readonly baseUrl: string;
  readonly log: readonly UpstreamCall[];
}

/** The model whose name and price the run uses. */
export const model = 'gpt-5-mini';

const requestSchema = z.object({ messages: z.array(z.object({ content: z.string() })).min(1) });

/** Reads the words of an agent from the body of a request, as the agent wrote it and as a trace has it. */
export function askedBy(request: unknown): Asked {
  const { messages } = requestSchema.parse(request);
  const [rollout = '', start = '', step, ask] = messages[0]?.content.split(' ') ?? [];
  return { rollout, start, step: Number(step), ask: Number(ask) };
}

/** What an agent gets for a step: only who was answered can know it. */
const answerTo = ({ start, step }: Asked): string => createHash('sha256').update(`${start}:${step}`).digest('hex');

/** A provider of Chat Completions on loopback that keeps books of its own. Its answers take about half a second, in pieces. */
export async function startUpstream(): Promise<Upstream> {
  const log: UpstreamCall[] = [];
  const server = createServer((request, response) => {
    answer(request, response, log).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the upstream has no port');
  return {
    baseUrl: `http://127.0.0.1:${address.port}/v1`,
    log,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const pieces = 4;

async function answer(request: IncomingMessage, response: ServerResponse, log: UpstreamCall[]): Promise<void> {
  const asked = askedBy(await json(request));
  const usage = { prompt_tokens: 100 + asked.step, completion_tokens: 20 };
  log.push({
    asked,
    at: Date.now(),
    inputTokens: usage.prompt_tokens,
    outputTokens: usage.completion_tokens,
  });
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const send = (choices: object[], more: object = {}): void => {
    const chunk = { id: `${asked.start}-${asked.step}`, object: 'chat.completion.chunk', created: 0, model, choices };
    response.write(`data: ${JSON.stringify({ ...chunk, ...more })}\n\n`);
  };
  const text = answerTo(asked);
  const size = text.length / pieces;
  for (let piece = 0; piece < pieces; piece += 1) {
    await sleep(120);
    const content = text.slice(piece * size, (piece + 1) * size);
    send([{ index: 0, delta: { role: 'assistant', content }, finish_reason: null }]);
  }
  send([{ index: 0, delta: {}, finish_reason: 'stop' }]);
  send([], { usage: { ...usage, total_tokens: usage.prompt_tokens + usage.completion_tokens } });
  response.end('data: [DONE]\n\n');
}
