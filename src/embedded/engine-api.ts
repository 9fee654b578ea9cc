import { request, type IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { HarborError } from '../model/errors.ts';
import { parseJson, tryParseJson } from '../model/json.ts';

/** Where an engine's API listens. */
export type EngineAddress = { readonly socketPath: string } | { readonly host: string; readonly port: number };

export interface EngineCall {
  readonly method?: 'GET' | 'POST';
  /** Path and query, unversioned: the engine's own newest API. */
  readonly path: string;
  readonly body?: Readable;
  readonly contentType?: string;
  readonly signal: AbortSignal;
}

export function addressText(address: EngineAddress): string {
  return 'socketPath' in address ? address.socketPath : `tcp://${address.host}:${address.port}`;
}

/** One call of the Docker Engine API, which Podman speaks too. Any status is an answer; no answer rejects as it came. */
export async function callEngine(address: EngineAddress, call: EngineCall): Promise<IncomingMessage> {
  const outgoing = request({
    ...address,
    method: call.method ?? 'GET',
    path: call.path,
    headers: call.contentType === undefined ? {} : { 'content-type': call.contentType },
    signal: call.signal,
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
  });
  if (!call.body) outgoing.end();
  const [response] = await Promise.all([answered, call.body && pipeline(call.body, outgoing)]);
  return response;
}

/** A call whose answer is JSON of that shape. Throws `sandbox_failed` with the engine's own words for any other status. */
export async function askEngine<T>(
  address: EngineAddress,
  path: string,
  schema: z.ZodType<T>,
  signal: AbortSignal,
): Promise<T> {
  const response = await callEngine(address, { path, signal });
  const body = await text(response);
  if (response.statusCode !== 200) throw engineRefusal(address, path, response.statusCode, body);
  return parseJson(body, schema, `the engine's answer to ${path}`);
}

export function engineRefusal(
  address: EngineAddress,
  path: string,
  status: number | undefined,
  body: string,
): HarborError {
  const said = tryParseJson(body, z.object({ message: z.string() }))?.message ?? body.trim();
  return new HarborError(
    'sandbox_failed',
    `the engine at ${addressText(address)} answers ${status} to ${path}: ${said}`,
  );
}
