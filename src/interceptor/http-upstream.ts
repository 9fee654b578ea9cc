import http from 'node:http';
import https from 'node:https';
import type { Provider } from './dialects/dialect.ts';
import type { ProviderSettings } from './options.ts';
import type { SentRequest, Upstream, UpstreamAnswer, UpstreamRequest } from './upstream.ts';

/**
 * Milliseconds after which an idle connection is dropped: sooner than providers and the balancers before them drop it,
 * so that a request is not sent into a connection that is being closed.
 */
const idleMs = 30_000;

/** A provider's own API. There is no time limit on an answer: agents have their own and hang up. */
export function httpUpstream(name: Provider, { baseUrl, apiKey }: ProviderSettings): Upstream {
  const base = new URL(baseUrl);
  const secure = base.protocol === 'https:';
  const { request: open, Agent } = secure ? https : http;
  const agent = new Agent({ keepAlive: true, timeout: idleMs, maxFreeSockets: 256 });
  const target = { agent, protocol: base.protocol, hostname: base.hostname.replace(/^\[|\]$/g, ''), port: base.port };
  const root = base.pathname.replace(/\/$/, '');
  const credentials = name === 'openai' ? ['authorization', `Bearer ${apiKey}`] : ['x-api-key', apiKey];
  const ownHeaders = ['host', base.host, 'accept-encoding', 'identity', ...credentials];

  const send = ({ method, path, headers, body }: UpstreamRequest): SentRequest => {
    const sent = open({
      ...target,
      method,
      path: root + path,
      headers: [...ownHeaders, ...headers, ...(method === 'GET' ? [] : ['content-length', String(body.length)])],
    });
    const answer = new Promise<UpstreamAnswer>((resolve, reject) => {
      // Where several addresses were tried in vain, the error has a code and no message.
      sent.on('error', (error: NodeJS.ErrnoException) =>
        reject(error.message ? error : new Error(error.code ?? error.name, { cause: error })),
      );
      sent.on('response', (begun) =>
        resolve({
          status: begun.statusCode ?? 0,
          statusText: begun.statusMessage ?? '',
          headers: begun.rawHeaders,
          body: begun,
        }),
      );
    });
    sent.end(body);
    return { answer, cancel: () => void sent.destroy() };
  };

  return { name, send, close: () => agent.destroy() };
}
