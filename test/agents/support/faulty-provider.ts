import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer, text } from 'node:stream/consumers';
import { findDialect } from '../../../src/interceptor/dialects/registry.ts';
import { scriptedUpstream } from '../../../src/interceptor/scripted/upstream.ts';
import type { ModelScript } from '../../../src/model/task.ts';
import type { AtEnd } from '../../interceptor/support/interceptor.ts';

/** What is wrong with one answer. */
export type Fault =
  /** An error of the provider's, in its dialect's words. */
  | { readonly status: number; readonly retryAfter?: number }
  /** The socket is destroyed before the answer begins, or within its stream. */
  | 'cut before'
  | 'cut within'
  /** The stream ends in good order, half way. */
  | 'ends early';

/** The fault of the n-th request for the agent's work (from 1), which came so many ms after the first; undefined: none. */
export type Faults = (n: number, ms: number) => Fault | undefined;

export interface FaultyProvider {
  /** For {@link InterceptorOptions}: both providers are this one. */
  readonly upstreams: Record<'openai' | 'anthropic', { readonly baseUrl: string; readonly apiKey: string }>;
  /** Every request in the order in which it came, and what it got. */
  readonly log: readonly { readonly path: string; readonly fault: Fault | undefined }[];
}

/** A provider on loopback that plays a script, with faults. */
export async function startFaultyProvider(script: ModelScript, faults: Faults, atEnd: AtEnd): Promise<FaultyProvider> {
  const model = scriptedUpstream();
  const log: { path: string; fault: Fault | undefined }[] = [];
  let first: number | undefined;

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await buffer(request);
    const path = request.url ?? '';
    first ??= Date.now();
    const fault = faults(log.length + 1, Date.now() - first);
    log.push({ path, fault });
    if (fault === 'cut before') return void request.socket.destroy();
    const dialect = findDialect(path.replace(/\?.*/, ''))?.dialect;
    if (typeof fault === 'object') {
      const { status, retryAfter } = fault;
      if (retryAfter !== undefined) response.setHeader('retry-after', retryAfter);
      response.writeHead(status, { 'content-type': 'application/json' });
      const error = { status, code: 'made_up', message: `made up ${status}` };
      return void response.end(JSON.stringify(dialect?.errorBody(error)));
    }
    const grant = { rolloutId: 'any', attempt: 1, models: [], script };
    const headers = request.rawHeaders;
    const asked = { dialect: dialect?.name ?? ('other' as const), method: 'POST', path, headers, body, grant };
    const played = await model.send(asked).answer;
    const whole = await text(played.body);
    response.writeHead(played.status, { 'content-type': 'text/event-stream' });
    if (fault === undefined) return void response.end(whole);
    response.write(whole.slice(0, whole.indexOf('\n\n', whole.length * 0.6) + 2), () =>
      fault === 'cut within' ? request.socket.destroy() : response.end(),
    );
  };

  const server = createServer((request, response) => void answer(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  atEnd(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the provider has no port');
  const url = `http://127.0.0.1:${address.port}`;
  const apiKey = 'sk-real';
  return { upstreams: { openai: { baseUrl: `${url}/v1`, apiKey }, anthropic: { baseUrl: url, apiKey } }, log };
}
