import { STATUS_CODES } from 'node:http';
import { Readable, addAbortSignal } from 'node:stream';
import type { JsonObject } from '../../model/json.ts';
import { decodeBody } from '../content-encoding.ts';
import { openaiErrorBody } from '../dialects/openai-common.ts';
import { findHeader } from '../headers.ts';
import type { Upstream, UpstreamAnswer, UpstreamRequest } from '../upstream.ts';
import { scriptedChat } from './chat.ts';
import { type ScriptedDialect, type ScriptedRequest, makeReply } from './reply.ts';
import { scriptedResponses } from './responses.ts';
import { chooseTurn } from './turn.ts';

/**
 * A built-in model that plays each task's script, so that real agents do real work without any key. It remembers nothing
 * from one call to the next.
 */
export function scriptedUpstream(): Upstream {
  return {
    name: 'scripted',
    async send(request, signal) {
      const played = play(request);
      addAbortSignal(signal, played.body);
      return played;
    },
    close() {},
  };
}

function play(request: UpstreamRequest): UpstreamAnswer {
  if (request.dialect === 'openai-responses') return speak(scriptedResponses, request);
  if (request.dialect === 'openai-chat') return speak(scriptedChat, request);
  return refusal(`The scripted model does not speak ${request.dialect}.`);
}

function speak<R extends ScriptedRequest>(
  dialect: ScriptedDialect<R>,
  { headers, body, grant }: UpstreamRequest,
): UpstreamAnswer {
  const text = decodeBody(body, findHeader(headers, 'content-encoding'));
  const read = text === undefined ? undefined : dialect.read(text);
  if (!read) return refusal('The scripted model cannot read this request.');
  const turn = chooseTurn(grant.script, read.outputs, read.tools);
  const reply = makeReply(read, body, turn, Math.floor(Date.now() / 1000));
  return read.streamed
    ? answer(200, 'text/event-stream; charset=utf-8', dialect.stream(reply, read))
    : answer(200, 'application/json', [JSON.stringify(dialect.answer(reply))]);
}

function refusal(message: string): UpstreamAnswer {
  const body: JsonObject = openaiErrorBody({ status: 400, code: 'invalid_request', message });
  return answer(400, 'application/json', [JSON.stringify(body)]);
}

function answer(status: number, contentType: string, pieces: Iterable<string>): UpstreamAnswer {
  return {
    status,
    statusText: STATUS_CODES[status] ?? '',
    headers: ['content-type', contentType],
    body: Readable.from(pieces, { objectMode: false }),
  };
}
