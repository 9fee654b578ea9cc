import type { ServerResponse } from 'node:http';
import type { Dialect } from '../model/call.ts';
import { errorText } from '../model/errors.ts';
import type { Grant } from '../model/grant.ts';
import type { Budgets } from './budgets/budgets.ts';
import { reserveFor } from './budgets/reserve.ts';
import type { Meter } from './budgets/meter.ts';
import type { DialectSpec } from './dialects/dialect.ts';
import { findHeader, forwardedRequestHeaders, forwardedResponseHeaders } from './headers.ts';
import type { Journal } from './journal/journal.ts';
import type { OpenCall, OpenCalls } from './open-calls.ts';
import { notRecorded, recordRefusal, refuse } from './refusals.ts';
import { StreamWatch } from './stream-watch.ts';
import type { Upstream, UpstreamAnswer } from './upstream.ts';

/** One request that may go on to its upstream. */
export interface Forwarding {
  readonly grant: Grant;
  /** `other` for what is no LLM call, such as the list of models. */
  readonly dialect: Dialect;
  /** In whose words the interceptor refuses. */
  readonly refusals: DialectSpec;
  readonly upstream: Upstream;
  /** Below the upstream's base address, with the query. */
  readonly upstreamPath: string;
  readonly body: Buffer;
  readonly response: ServerResponse;
  readonly journal: Journal;
  readonly calls: OpenCalls;
  readonly budgets: Budgets;
}

/**
 * Records a call, forwards it and hands its answer through, byte for byte. Nothing goes to the upstream before the
 * record is in the journal.
 */
export async function forward(forwarding: Forwarding): Promise<void> {
  const { grant, dialect, refusals, upstream, upstreamPath, body, response, journal, calls } = forwarding;
  const client = response.req;
  // What waits for the disk waits in memory: there is a limit to it.
  if (journal.isBehind) return refuse(response, refusals, notRecorded);
  const opening = {
    rolloutId: grant.rolloutId,
    attempt: grant.attempt,
    dialect,
    method: client.method ?? '',
    path: client.url ?? '',
    upstream: upstream.name,
    startedAt: Date.now(),
    contentEncoding: client.headers['content-encoding'] ?? null,
  } as const;
  const log = journal.begin(opening, body);
  const call = calls.add(grant, log, response);
  response.on('close', () => call.breakOff('client_abort'));
  try {
    await call.log.flush();
  } catch {
    // The journal has reported it. A call that leaves no trace must not be made.
    call.breakOff('reset', notRecorded.message);
    return refuse(response, refusals, notRecorded);
  }
  if (call.isOver) return;
  let meter: Meter | undefined;
  if (grant.budgets?.length && dialect !== 'other') {
    const asked = { ...opening, id: log.id };
    const outcome = await reserveFor(forwarding.budgets, grant.budgets, asked, body, call).catch(() => undefined);
    if (call.isOver) return;
    if (!outcome) {
      call.breakOff('reset', notRecorded.message);
      return refuse(response, refusals, notRecorded);
    }
    if (outcome.kind === 'refused') return recordRefusal(response, refusals, outcome.error, call);
    ({ meter } = outcome);
  }
  try {
    const headers = forwardedRequestHeaders(client.rawHeaders);
    const request = { dialect, method: opening.method, path: upstreamPath, headers, body, grant };
    const sent = upstream.send(request);
    call.cancelledBy(sent.cancel);
    const answer = await sent.answer;
    if (call.isOver) answer.body.destroy();
    else handThrough(answer, call, forwarding, meter);
  } catch (error) {
    meter?.failed(error);
    if (call.isOver) return;
    const message = `${upstream.name} cannot be reached: ${errorText(error)}`;
    call.breakOff('reset', message);
    // A clear answer rather than a cut connection: agents repeat both alike, but only this one says what is wrong.
    refuse(response, refusals, { status: 502, code: 'upstream_unreachable', message });
  }
}

/** Passes an answer on as it comes, at the pace of the client and of the journal's disk, and records it. */
function handThrough(
  answer: UpstreamAnswer,
  call: OpenCall,
  { response, journal, ...how }: Forwarding,
  meter: Meter | undefined,
): void {
  const { status, statusText, headers, body } = answer;
  const watch = watchFor(answer, how);
  let pieces: Buffer[] = [];
  const resume = () => body.resume();
  const pass = () => {
    if (pieces.length === 0 || call.isOver) return;
    const piece = pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces);
    pieces = [];
    call.log.chunk(piece);
    watch?.see(piece);
    meter?.see(piece);
    if (!response.write(piece)) {
      body.pause();
      response.once('drain', resume);
    } else if (journal.isBehind) {
      body.pause();
      void journal.caughtUp().then(resume);
    }
  };
  body.on('data', (piece: Buffer) => {
    // Pieces that came with one read from the network go on with one write: most of the work is per write.
    if (pieces.push(piece) === 1) process.nextTick(pass);
  });
  body.on('end', () => {
    pass();
    // Some agents take what ends in good order for a whole answer.
    if (watch && !watch.ended) return call.cut('reset', 'the stream ended before its last event');
    call.complete(status >= 400 ? 'http_error' : 'ok');
    response.end();
  });
  const breakOff = (reason: string) => {
    pass();
    call.cut('reset', reason);
  };
  body.on('error', (error) => breakOff(`the upstream broke off: ${error.message}`));
  body.on('close', () => breakOff('the upstream broke off'));

  const head = {
    status,
    contentType: findHeader(headers, 'content-type'),
    contentEncoding: findHeader(headers, 'content-encoding'),
  };
  call.log.head(head);
  meter?.begins(head);
  response.sendDate = false;
  response.writeHead(status, statusText, forwardedResponseHeaders(headers));
  // The head goes out with the first piece of the body where that is there already, else alone and at once.
  setImmediate(() => {
    if (!response.writableEnded && !response.destroyed) response.flushHeaders();
  });
}

/** Of streams of events it can be told whether they are whole, of what else providers send HTTP tells. */
function watchFor(
  { status, headers }: UpstreamAnswer,
  { dialect, refusals }: Pick<Forwarding, 'dialect' | 'refusals'>,
): StreamWatch | undefined {
  const isStream = findHeader(headers, 'content-type')?.toLowerCase().startsWith('text/event-stream');
  const isPlain = (findHeader(headers, 'content-encoding') ?? 'identity') === 'identity';
  return isStream && isPlain && status < 400 && dialect !== 'other' ? new StreamWatch(refusals.streamEnd) : undefined;
}
