import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Response } from 'express';
import { ulid } from 'ulid';
import { canonicalJson } from '../model/json.ts';
import type { RolloutBody } from '../model/rollout.ts';
import type { DeploymentRow } from '../store/deployments.ts';
import type { HeldRequest } from '../store/unkeyed-requests.ts';
import type { ApiDeps } from './deps.ts';
import { untilClosed } from './input.ts';
import { comparedId } from './rollout-start.ts';
import { throughOutages } from './rollout-wait.ts';

const beatMs = 1000;
/** It is mostly clear at the second look: the one before has just got its answer. */
const firstLookMs = 20;
const lookMs = 250;

/** A rollout request without a key or an id of its caller's own, whose connection waits for its result. */
export interface Call {
  /** The id for what it makes, or of what an earlier one made that nobody waits for any more. */
  readonly id: string;
  /** Said before the answer is sent that is the result: once it is handed over, no repeat gets it. */
  readonly resultFollows: () => void;
}

/**
 * Lets rollout requests without a key be repeated, among any number of API processes: each one's connection is noted in the
 * store for as long as it is open, so that a repeat is told from one more rollout of the same kind.
 */
export interface Attaching {
  /**
   * Undefined where the body names no `trace_correlation_id`: then no request is a repeat of another. Throws the reason of the
   * abort where the caller hangs up meanwhile.
   */
  attach(response: Response, asked: AskedRollout): Promise<Call | undefined>;
}

export interface AskedRollout {
  readonly deployment: DeploymentRow;
  readonly body: RolloutBody;
  /** The body as it came. */
  readonly text: string;
}

export function attaching({ store: { unkeyedRequests }, logger, openCalls = new Set() }: ApiDeps): Attaching {
  const process = ulid();
  let beats = false;

  async function beatWhileOpen(): Promise<void> {
    if (beats) return;
    beats = true;
    while (openCalls.size > 0) {
      await sleep(beatMs, undefined, { ref: false });
      await unkeyedRequests.beat(process).catch((error: unknown) => {
        logger.warn({ err: error }, 'the store was not told that connections are open');
      });
    }
    beats = false;
  }

  /** Tells the store what became of a connection once that is settled. */
  async function letGo(held: HeldRequest, settling: Promise<void>, isDelivered: () => boolean): Promise<void> {
    await settling;
    const tell = () => (isDelivered() ? unkeyedRequests.deliver(held) : unkeyedRequests.release(held));
    try {
      await throughOutages(tell, forever);
    } catch (error) {
      logger.error({ err: error }, 'the store was not told what became of a connection');
    }
  }

  return {
    async attach(response, { deployment, body, text }) {
      if (body.trace_correlation_id === undefined) return undefined;
      const id = ulid();
      const connection = ulid();
      const fingerprint = fingerprintOf(deployment, text);
      const rollouts = body.policies?.map((_, index) => comparedId(id, index)) ?? [id];

      const handing = handover(response);
      const gone = untilClosed(response);
      const claimed = untilClear(gone, (seconds) =>
        unkeyedRequests.claim({ fingerprint, id, rollouts, connection, process }, seconds),
      );
      // Also where it fails: the store may have noted a connection, and the word of it was lost.
      const open = letGo({ fingerprint, connection }, settled(claimed, gone), handing.isDone);
      openCalls.add(open);
      void open.finally(() => openCalls.delete(open));
      void beatWhileOpen();
      return { id: await claimed, resultFollows: handing.resultFollows };
    },
  };
}

const forever = new AbortController().signal;

/** The same for equal bodies of one deployment, as long as it is not built anew: what was asked for is then another thing. */
function fingerprintOf({ id, readyGeneration }: DeploymentRow, text: string): string {
  return createHash('sha256')
    .update(`${id} ${readyGeneration} ${canonicalJson(text)}`)
    .digest('hex');
}

async function untilClear<T>(gone: AbortSignal, claim: (seconds: number) => Promise<T | undefined>): Promise<T> {
  const since = performance.now();
  gone.throwIfAborted();
  for (let pauseMs = firstLookMs; ; pauseMs = Math.min(lookMs, pauseMs * 2)) {
    const claimed = await claim((performance.now() - since) / 1000);
    // Who went meanwhile may have come back already, before this was there to be found.
    gone.throwIfAborted();
    if (claimed !== undefined) return claimed;
    await sleep(pauseMs, undefined, { signal: gone });
  }
}

/** When the work is done, in whatever way, and the signal came. */
async function settled(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  await work.catch(() => {});
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** Whether the result was handed to the socket, down to its last byte. To be asked once the connection is closed or free. */
function handover(response: Response): { resultFollows: () => void; isDone: () => boolean } {
  let isResult = false;
  let isDone = false;
  response.once('finish', () => {
    isDone = isResult;
  });
  return {
    resultFollows() {
      isResult = true;
    },
    isDone: () => isDone,
  };
}
