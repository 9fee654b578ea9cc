import { STATUS_CODES } from 'node:http';
import { Readable } from 'node:stream';
import type { JsonObject } from '../../model/json.ts';
import { decodeBody } from '../content-encoding.ts';
import { openaiErrorBody } from '../dialects/openai-common.ts';
import { dialectNamed } from '../dialects/registry.ts';
import { findHeader } from '../headers.ts';
import type { Upstream, UpstreamAnswer, UpstreamRequest } from '../upstream.ts';
import { scriptedChat } from './chat.ts';
import { countedTokens, scriptedMessages } from './messages.ts';
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
    send(request) {
      const played = play(request);
      return { answer: Promise.resolve(played), cancel: () => void played.body.destroy() };
    },
    close() {},
  };
}

function play(request: UpstreamRequest): UpstreamAnswer {
  if (request.dialect === 'openai-responses') return speak(scriptedResponses, request);
  if (request.dialect === 'openai-chat') return speak(scriptedChat, request);
  if (request.dialect === 'anthropic-messages') return speak(scriptedMessages, request);
  return refusal(request, 'The scripted model has only answers to LLM calls.');
}

function speak<R extends ScriptedRequest>(dialect: ScriptedDialect<R>, request: UpstreamRequest): UpstreamAnswer {
  const { path, headers, body, grant } = request;
  const text = decodeBody(body, findHeader(headers, 'content-encoding'));
  const read = text === undefined ? undefined : dialect.read(text);
  if (!read) return refusal(request, 'The scripted model cannot read this request.');
  const turn = chooseTurn(grant.script, read.outputs, read.tools);
  const reply = makeReply(read, body, turn, Math.floor(Date.now() / 1000));
  if (/\/count_tokens(\?|$)/.test(path)) return json(200, countedTokens(reply));
  return read.streamed
    ? answer(200, 'text/event-stream; charset=utf-8', dialect.stream(reply, read))
    : json(200, dialect.answer(reply));
}

function refusal({ dialect }: UpstreamRequest, message: string): UpstreamAnswer {
  const errorBody = dialectNamed(dialect)?.errorBody ?? openaiErrorBody;
  return json(400, errorBody({ status: 400, code: 'invalid_request', message }));
}

function json(status: number, body: JsonObject): UpstreamAnswer {
  return answer(status, 'application/json', [JSON.stringify(body)]);
}

function answer(status: number, contentType: string, pieces: Iterable<string>): UpstreamAnswer {
  return {
    status,
    statusText: STATUS_CODES[status] ?? '',
    headers: ['content-type', contentType],
    body: Readable.from(pieces, { objectMode: false }),
  };
}
