import { z } from 'zod';
import { decodeUnlabelled } from '../interceptor/content-encoding.ts';
import { readEvents } from '../interceptor/dialects/server-sent-events.ts';
import type { CallRecord, Dialect } from '../model/call.ts';
import { type Json, type JsonObject, jsonObjectSchema, tryParseJson } from '../model/json.ts';
import type { BlobStore } from '../store/blobs.ts';
import { wholeCompletion } from './streamed-answers/chat.ts';
import { wholeMessage } from './streamed-answers/messages.ts';
import { wholeResponse } from './streamed-answers/responses.ts';

/** Both bodies of a call as JSON; null where there is none, or it is no JSON. */
export async function loadBodies(
  blobs: BlobStore,
  call: CallRecord,
): Promise<{ readonly request: Json | null; readonly response: Json | null }> {
  const body = async (ref: string | null) => (ref === null ? undefined : blobs.get(ref));
  const [request, response] = [await body(call.requestRef), await body(call.responseRef)];
  return { request: request ? requestJson(request) : null, response: response ? responseJson(call, response) : null };
}

/** A body as JSON; null where it is none. */
export function requestJson(body: Buffer): Json | null {
  return readBody(body, readJson);
}

/** What a call was answered, as JSON: a stream is given as the one answer that it amounts to. */
export function responseJson(
  { dialect, contentType }: Pick<CallRecord, 'dialect' | 'contentType'>,
  body: Buffer,
): Json | null {
  if (!contentType?.startsWith('text/event-stream')) return readBody(body, readJson);
  return readBody(body, (text) => {
    const events = [...readEvents(text)]
      .map(({ data }) => tryParseJson(data, jsonObjectSchema))
      .filter((event) => event !== undefined);
    return events.length === 0 ? null : whole(dialect, events);
  });
}

function readJson(text: string): Json | null {
  return tryParseJson(text, z.json()) ?? null;
}

/** How a body was compressed is not in its record: what cannot be read as it is, is unpacked first. */
function readBody(body: Buffer, read: (text: string) => Json | null): Json | null {
  const plain = read(body.toString('utf8'));
  if (plain !== null || body.length === 0) return plain;
  const unpacked = decodeUnlabelled(body);
  return unpacked === undefined ? null : read(unpacked);
}

function whole(dialect: Dialect, events: JsonObject[]): Json | null {
  if (dialect === 'openai-responses') return wholeResponse(events);
  if (dialect === 'openai-chat') return wholeCompletion(events);
  return dialect === 'anthropic-messages' ? wholeMessage(events) : events;
}
