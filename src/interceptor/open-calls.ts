import type { ServerResponse } from 'node:http';
import type { CallStatus } from '../model/call.ts';
import { attemptKey } from '../model/ids.ts';
import type { CallLog } from './journal/call-log.ts';
import type { AttemptRef } from './tokens.ts';

/** A call between its first and its last word in the journal. */
export class OpenCall {
  readonly log: CallLog;
  private readonly response: ServerResponse;
  private readonly onEnd: () => void;
  private cancel: (() => void) | undefined;
  private tell: ((status: CallStatus) => void) | undefined;
  private closed = false;

  constructor(log: CallLog, response: ServerResponse, onEnd: () => void) {
    this.log = log;
    this.response = response;
    this.onEnd = onEnd;
  }

  get isOver(): boolean {
    return this.closed;
  }

  /** What ends the upstream's part of it, should the call be broken off. */
  cancelledBy(cancel: () => void): void {
    this.cancel = cancel;
  }

  /** Who is told how the call ended, before its client can know. */
  toldTo(tell: (status: CallStatus) => void): void {
    this.tell = tell;
  }

  /** The upstream's answer is all there. */
  complete(status: 'ok' | 'http_error'): void {
    this.close(status, null);
  }

  /** The call ends here, whatever is still to come from the upstream. The first end counts. */
  breakOff(status: CallStatus, error: string | null = null): void {
    if (this.close(status, error)) this.cancel?.();
  }

  /**
   * Breaks the call off, and its connection in a way that no client takes for the answer's end: a reset, since to a
   * client of HTTP/1.0 a closed connection says that all is there.
   */
  cut(status: CallStatus, error: string | null = null): void {
    if (this.closed) return;
    this.breakOff(status, error);
    this.response.socket?.resetAndDestroy();
  }

  private close(status: CallStatus, error: string | null): boolean {
    if (this.closed) return false;
    this.closed = true;
    this.log.close(status, error);
    this.tell?.(status);
    this.onEnd();
    return true;
  }
}

/** All calls that are under way. */
export class OpenCalls {
  private readonly byAttempt = new Map<string, Set<OpenCall>>();

  get size(): number {
    let size = 0;
    for (const calls of this.byAttempt.values()) size += calls.size;
    return size;
  }

  add(attempt: AttemptRef, log: CallLog, response: ServerResponse): OpenCall {
    const key = attemptKey(attempt.rolloutId, attempt.attempt);
    const calls = this.byAttempt.get(key) ?? new Set();
    this.byAttempt.set(key, calls);
    const call = new OpenCall(log, response, () => {
      calls.delete(call);
      if (calls.size === 0) this.byAttempt.delete(key);
    });
    calls.add(call);
    return call;
  }

  cutAttempt({ rolloutId, attempt }: AttemptRef): void {
    for (const call of this.byAttempt.get(attemptKey(rolloutId, attempt)) ?? []) call.cut('revoked');
  }

  cutAll(error: string): void {
    for (const calls of this.byAttempt.values()) for (const call of calls) call.cut('killed', error);
  }
}
