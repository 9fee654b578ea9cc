import { once } from 'node:events';
import { pipeline } from 'node:stream/promises';
import { type Response, Router } from 'express';
import type { CallRecord } from '../../model/call.ts';
import type { TraceResponse } from '../../model/responses.ts';
import type { Store } from '../../store/store.ts';
import type { ApiDeps } from '../deps.ts';
import { presentCall } from '../present-rollout.ts';
import { ensureKept } from '../kept-trace.ts';
import { notFound } from '../problems.ts';
import { artifactsOf, presentArtifact } from '../rollout-artifacts.ts';
import { loadBodies } from '../trace-bodies.ts';
import { findRollout } from './rollouts.ts';

/** What a rollout left: its trace with the bodies of every call, and its artifacts. */
export function rolloutFileRoutes(deps: ApiDeps): Router {
  const { store } = deps;
  const router = Router();

  /** Written call by call: a trace may be larger than memory. */
  router.get('/rollouts/:id/trace', async (request, response) => {
    const row = await findRollout(deps, response, request.params.id);
    ensureKept(row);
    const calls = await store.calls.list(row.id);
    const head = JSON.stringify({
      rollout_id: row.id,
      trace_correlation_id: row.traceCorrelationId,
      usage: await store.calls.usage(row.id),
    });
    response.set('content-type', 'application/json; charset=utf-8');
    response.write(`${head.slice(0, -1)},"calls":[`);
    for (const [index, call] of calls.entries()) {
      const text = `${index === 0 ? '' : ','}\n${JSON.stringify(await presentWhole(store, call))}`;
      if (!response.write(text)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
      if (response.destroyed) return;
    }
    response.end('\n]}\n');
  });

  router.get('/rollouts/:id/trace/:call/:side', async (request, response) => {
    const { id, call: callId, side } = request.params;
    const row = await findRollout(deps, response, id);
    const call = (await store.calls.list(row.id)).find((one) => one.id === callId);
    const ref = side === 'request' ? call?.requestRef : side === 'response' ? call?.responseRef : undefined;
    if (call) ensureKept(row);
    if (!call || !ref) throw notFound(`The ${side} of call ${callId}`);
    const type = side === 'request' ? 'application/json' : (call.contentType ?? 'application/octet-stream');
    await sendBlob(store, response, { ref, type, name: `${callId}-${side}` });
  });

  router.get('/rollouts/:id/artifacts', async (request, response) => {
    const row = await findRollout(deps, response, request.params.id);
    const artifacts = await artifactsOf(store, row);
    response.json({ rollout_id: row.id, artifacts: artifacts.map((artifact) => presentArtifact(row.id, artifact)) });
  });

  router.get('/rollouts/:id/artifacts/:attempt/*name', async (request, response) => {
    const { id, attempt, name } = request.params;
    const row = await findRollout(deps, response, id);
    const path = name.join('/');
    const found = (await artifactsOf(store, row)).find(
      (artifact) => String(artifact.attempt) === attempt && artifact.name === path,
    );
    // Its logs were artifacts too, and nothing tells any more which there were.
    ensureKept(row);
    if (!found?.ref) throw notFound(`Artifact ${path}`);
    await sendBlob(store, response, { ref: found.ref, type: found.contentType, name: path });
  });

  return router;
}

async function presentWhole(store: Store, call: CallRecord): Promise<TraceResponse['calls'][number]> {
  return {
    ...presentCall(call),
    method: call.method,
    path: call.path,
    ...(await loadBodies(store.blobs, call)),
    request_bytes: call.requestBytes,
    response_bytes: call.responseBytes,
  };
}

/** Bytes that came out of a sandbox: a browser shall save them, not guess what they are. */
async function sendBlob(
  store: Store,
  response: Response,
  { ref, type, name }: { readonly ref: string; readonly type: string; readonly name: string },
): Promise<void> {
  const content = await store.blobs.open(ref);
  response.attachment(name.split('/').at(-1) ?? 'file');
  response.set({ 'content-type': type, 'x-content-type-options': 'nosniff' });
  await pipeline(content, response);
}
