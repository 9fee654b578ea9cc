import { Histogram, type Registry } from 'prom-client';
import type { CallSink } from '../interceptor/projection/call-sink.ts';
import type { CallRecord } from '../model/call.ts';
import { counter, longSeconds, shortSeconds } from './metrics.ts';

/** The same sink; what is saved in it is counted. */
export function meteredSink(sink: CallSink, registry: Registry): CallSink {
  const count = callCounter(registry);
  return {
    positions: () => sink.positions(),
    begin: (calls) => sink.begin(calls),
    list: (rolloutId) => sink.list(rolloutId),
    async save(calls, journal, position) {
      await sink.save(calls, journal, position);
      for (const call of calls) count(call);
    },
  };
}

function callCounter(registry: Registry): (call: CallRecord) => void {
  const registers = [registry];
  const calls = counter({
    name: 'harbor_llm_calls_total',
    help: 'LLM calls that ended. status: how; refused: for want of budget. http: the class of the HTTP status, or none.',
    labelNames: ['upstream', 'dialect', 'status', 'http'],
    registers,
  });
  const tokens = counter({
    name: 'harbor_llm_tokens_total',
    help: 'Tokens as providers report them. input holds cached and cache_write, output holds reasoning.',
    labelNames: ['upstream', 'kind'],
    registers,
  });
  const cost = counter({
    name: 'harbor_llm_cost_usd_total',
    help: 'Dollars that calls cost by list price, where the price is known.',
    labelNames: ['upstream'],
    registers,
  });
  const unpriced = counter({
    name: 'harbor_llm_unpriced_calls_total',
    help: 'Calls with usage whose price is not known: harbor_llm_cost_usd_total lacks them.',
    labelNames: ['upstream'],
    registers,
  });
  const firstByte = new Histogram({
    name: 'harbor_llm_time_to_first_byte_seconds',
    help: "From a call's arrival to the first byte of its answer.",
    labelNames: ['upstream'],
    buckets: shortSeconds,
    registers,
  });
  const duration = new Histogram({
    name: 'harbor_llm_call_seconds',
    help: "From a call's arrival to its end.",
    labelNames: ['upstream'],
    buckets: longSeconds,
    registers,
  });
  return ({ upstream, dialect, status, httpStatus, usage, costUsd, startedAt, firstByteAt, endedAt }) => {
    const http = httpStatus === null ? 'none' : `${Math.floor(httpStatus / 100)}xx`;
    calls.inc({ upstream, dialect, status, http });
    if (usage) {
      tokens.inc({ upstream, kind: 'input' }, usage.inputTokens);
      tokens.inc({ upstream, kind: 'cached' }, usage.cachedTokens);
      tokens.inc({ upstream, kind: 'cache_write' }, usage.cacheWriteTokens);
      tokens.inc({ upstream, kind: 'output' }, usage.outputTokens);
      tokens.inc({ upstream, kind: 'reasoning' }, usage.reasoningTokens);
      if (costUsd === null) unpriced.inc({ upstream });
    }
    if (costUsd !== null) cost.inc({ upstream }, costUsd);
    if (firstByteAt) firstByte.observe({ upstream }, secondsBetween(startedAt, firstByteAt));
    if (endedAt) duration.observe({ upstream }, secondsBetween(startedAt, endedAt));
  };
}

/** Clocks are set back at times. */
function secondsBetween(from: Date, to: Date): number {
  return Math.max(0, to.getTime() - from.getTime()) / 1000;
}
