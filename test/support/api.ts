import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Client, Connection } from '@temporalio/client';
import { pino } from 'pino';
import { afterAll, beforeAll } from 'vitest';
import { agentRegistry } from '../../src/agents/registry.ts';
import { createApi } from '../../src/api/app.ts';
import { parseJson } from '../../src/model/json.ts';
import { type Problem, problemSchema } from '../../src/model/responses.ts';
import { expectDeclared } from './declared.ts';
import { openTestStore, type TestStore } from './store.ts';
import { startTemporal } from './temporal.ts';
import { roomFor } from './rollout.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

export interface Ask {
  readonly method?: string;
  /** As JSON, unless it is a text. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: the key of the organization `default`. */
  readonly key?: string;
  /** Hangs up. */
  readonly signal?: AbortSignal;
}

/** The HTTP API on a real store and a real Temporal server, without a worker: what is started stays where it is. */
export interface TestApi {
  readonly url: string;
  /** A key of the organization `default`. */
  readonly key: string;
  readonly store: TestStore;
  readonly temporal: Client;
  readonly uploadsFolder: string;
  /** A key of another organization. */
  readonly foreignKey: string;
  /** Messages of the log, oldest first. */
  readonly logged: readonly string[];
  /** Every answer is held against the API's description. */
  readonly ask: (path: string, ask?: Ask) => Promise<Answer>;
  /** The answer as it comes. */
  readonly open: (path: string, ask?: Ask) => Promise<IncomingMessage>;
  /** Another API on the same store; `cut` breaks its connections, as its process does when it ends. */
  readonly another: () => Promise<Pick<TestApi, 'url' | 'ask'> & { readonly cut: () => void }>;
  /** Another API on the same store, which cannot reach Temporal. */
  readonly cutOff: () => Promise<Pick<TestApi, 'ask'>>;
}

const key = 'the-key-of-the-default-organization';
const foreignKey = 'the-key-of-another-organization';

/** One for a file of tests. `places`: rollouts that may run at once. */
export function useApi({ places = 1000 }: { readonly places?: number } = {}): () => TestApi {
  const held = new AsyncDisposableStack();
  let api: TestApi | undefined;
  beforeAll(async () => {
    api = await openApi(held, places);
  });
  afterAll(() => held.disposeAsync());
  return () => {
    if (!api) throw new Error('the API is not started yet');
    return api;
  };
}

export const problemOf = (answer: Answer): Problem => parseJson(answer.text, problemSchema);

async function openApi(held: AsyncDisposableStack, places: number): Promise<TestApi> {
  const server = await startTemporal();
  held.defer(() => server.stop());
  const store = await openTestStore();
  held.defer(() => store.close());
  await store.apiKeys.add(key, 'default', 'first');
  await store.apiKeys.add(foreignKey, 'foreign', 'first');
  const uploadsFolder = await mkdtemp(join(tmpdir(), 'harbor-uploads-'));
  held.defer(() => rm(uploadsFolder, { recursive: true, force: true }));
  const logged: string[] = [];
  const logger = pino({ base: null, timestamp: false }, { write: (line) => void logged.push(line) });

  const serve = async (connection: Connection) => {
    const temporal = new Client({ connection });
    const app = createApi({
      store,
      agents: agentRegistry,
      client: temporal,
      capacity: roomFor(places),
      uploadsFolder,
      logger,
    });
    const listening = createServer(app).listen(0, '127.0.0.1');
    held.defer(async () => {
      listening.closeAllConnections();
      listening.close();
      await once(listening, 'close');
    });
    await once(listening, 'listening');
    const address = listening.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const open = (path: string, ask?: Ask) => send(port, path, ask);
    const asked = async (path: string, ask?: Ask) => {
      const answer = await whole(await open(path, ask));
      expectDeclared(methodOf(ask), path, { ...answer, contentType: answer.headers['content-type'] });
      return answer;
    };
    const cut = () => listening.closeAllConnections();
    return { url: `http://127.0.0.1:${port}`, temporal, open, ask: asked, cut };
  };

  const connection = await Connection.connect({ address: server.address });
  held.defer(() => connection.close());
  return {
    ...(await serve(connection)),
    key,
    store,
    uploadsFolder,
    foreignKey,
    logged,
    another: () => serve(connection),
    async cutOff() {
      const dead = await Connection.connect({ address: server.address });
      await dead.close();
      return serve(dead);
    },
  };
}

/** Paths go out letter by letter, which `fetch` would mend. */
async function send(port: number, path: string, ask: Ask = {}): Promise<IncomingMessage> {
  const { body, headers, signal } = ask;
  const outgoing = request({
    port,
    path,
    method: methodOf(ask),
    headers: { authorization: `Bearer ${ask.key ?? key}`, ...headers },
    ...(signal && { signal }),
  });
  outgoing.end(body === undefined || typeof body === 'string' ? body : JSON.stringify(body));
  const [response]: IncomingMessage[] = await once(outgoing, 'response');
  if (!response) throw new Error('no response');
  return response;
}

function methodOf({ method, body }: Ask = {}): string {
  return method ?? (body === undefined ? 'GET' : 'POST');
}

async function whole(response: IncomingMessage): Promise<Answer> {
  return { status: response.statusCode ?? 0, headers: response.headers, text: await text(response) };
}
