import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { HarborError } from '../model/errors.ts';
import type { Grant } from '../model/grant.ts';
import type { Budgets } from './budgets/budgets.ts';
import type { Admission } from './admission.ts';
import { decodeBody } from './content-encoding.ts';
import type { DialectSpec, RefusalError } from './dialects/dialect.ts';
import { findDialect } from './dialects/registry.ts';
import { forward } from './forward.ts';
import { readToken } from './headers.ts';
import type { Journal } from './journal/journal.ts';
import { type ModelsQuestion, modelsDialect, modelsPath, modelsQuestion, ownModels } from './models.ts';
import type { OpenCalls } from './open-calls.ts';
import {
  noSuchModel,
  noWebSocket,
  notAlive,
  notFound,
  ownFault,
  refuse,
  sendJson,
  tooLarge,
  unserved,
  wrongModel,
} from './refusals.ts';
import { readBody } from './request-body.ts';
import { verifyToken } from './tokens.ts';
import type { Upstreams } from './upstreams.ts';

export interface ServerParts {
  readonly installationSecret: string;
  readonly admission: Admission;
  readonly upstreams: Upstreams;
  readonly journal: Journal;
  readonly calls: OpenCalls;
  readonly budgets: Budgets;
  readonly onError: (error: HarborError) => void;
}

/** What sandboxes talk to. */
export function publicListener(parts: ServerParts): RequestListener {
  return (request, response) => {
    serve(parts, request, response).catch((error: unknown) => {
      parts.onError(new HarborError('internal', 'the interceptor failed at a request', { cause: error }));
      refuse(response, undefined, ownFault);
    });
  };
}

async function serve(parts: ServerParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = '', url = '' } = request;
  const [path = '', ...query] = url.split(/(?=\?)/);
  // A probe, such as Claude Code's `HEAD /api/hello`: whether somebody is there.
  if (method === 'HEAD') return void response.writeHead(200, { 'content-length': 0 }).end();
  const found = findDialect(path);
  // Whoever offers HTTP/2 in the same header goes on with HTTP/1.1 by itself.
  if (/\bwebsocket\b/i.test(request.headers.upgrade ?? '')) return refuse(response, found?.dialect, noWebSocket);
  const question = method === 'GET' ? modelsQuestion(path) : undefined;
  if (question) return serveModels(parts, response, question, query.join(''));
  if (!found || method !== 'POST') return refuse(response, found?.dialect, notFound(method, path));

  const { dialect, route } = found;
  const grant = await admitted(parts, request);
  if ('status' in grant) return refuse(response, dialect, grant);
  const upstream = parts.upstreams.of(dialect.provider);
  if (!upstream) return refuse(response, dialect, unserved(dialect.provider));
  const body = await readBody(request);
  if (body === 'cut-off') return;
  if (body === 'too-large') return refuse(response, dialect, tooLarge);
  if (grant.models.length > 0) {
    const model = requestedModel(dialect, body, request.headers['content-encoding']);
    if (model === null || !grant.models.includes(model))
      return refuse(response, dialect, wrongModel(grant.models, model));
  }
  // It may have been revoked while the body came in.
  const refusal = parts.admission.refusal(grant);
  if (refusal) return refuse(response, dialect, refusal);
  const upstreamPath = route.upstreamPath + query.join('');
  await forward({ ...parts, grant, dialect: dialect.name, refusals: dialect, upstream, upstreamPath, body, response });
}

/** The models that the attempt may ask for; where it may ask for any, what the provider says that it has. */
async function serveModels(
  parts: ServerParts,
  response: ServerResponse,
  { id, rest }: ModelsQuestion,
  query: string,
): Promise<void> {
  const dialect = modelsDialect(response.req.headers);
  const grant = await admitted(parts, response.req);
  if ('status' in grant) return refuse(response, dialect, grant);
  const upstream = parts.upstreams.of(dialect.provider);
  if (upstream && parts.upstreams.mode === 'live' && grant.models.length === 0) {
    const upstreamPath = modelsPath[dialect.provider] + rest + query;
    const body = Buffer.alloc(0);
    return forward({ ...parts, grant, dialect: 'other', refusals: dialect, upstream, upstreamPath, body, response });
  }
  const answer = ownModels(grant, dialect, id);
  if (answer) sendJson(response, 200, answer);
  else refuse(response, dialect, noSuchModel(id ?? ''));
}

/** The grant of the attempt whose token was sent, or why it may make no calls. */
async function admitted(
  { installationSecret, admission }: ServerParts,
  request: IncomingMessage,
): Promise<Grant | RefusalError> {
  const token = readToken(request.headers);
  const attempt = token === undefined ? undefined : verifyToken(installationSecret, token);
  return attempt ? admission.admit(attempt) : notAlive;
}

function requestedModel(dialect: DialectSpec, body: Buffer, encoding: string | undefined): string | null {
  const text = decodeBody(body, encoding ?? null);
  return text === undefined ? null : dialect.reader.request(text).model;
}
