import type { Amounts } from '../../model/budget.ts';
import type { CallStatus } from '../../model/call.ts';
import type { CallOpening, AnswerHead } from '../journal/records.ts';
import { assembleCall, readRequest } from '../projection/assemble.ts';
import type { Reservation } from './budgets.ts';

/** Nothing was connected, so nothing can have been answered. */
const unconnected = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

const links = { requestRef: null, responseRef: null, retryOf: null };

/** Bytes of an answer that are kept to be read; a larger one counts as what was reserved for it. */
const keptBytes = 64 * 1024 * 1024;

/** One call's way from what was reserved for it to what it took. */
export class Meter {
  private readonly opening: CallOpening;
  private readonly request: Buffer;
  private readonly reserved: Amounts;
  private readonly reservation: Reservation;
  private head: AnswerHead | null = null;
  private pieces: Buffer[] = [];
  private bytes = 0;

  constructor(opening: CallOpening, request: Buffer, reserved: Amounts, reservation: Reservation) {
    this.opening = opening;
    this.request = request;
    this.reserved = reserved;
    this.reservation = reservation;
  }

  begins(head: AnswerHead): void {
    this.head = head;
  }

  see(piece: Buffer): void {
    this.bytes += piece.length;
    if (this.bytes <= keptBytes) this.pieces.push(piece);
    else this.pieces = [];
  }

  /** No answer began. A provider that was reached may have worked all the same. */
  failed(error: unknown): void {
    if (isUnconnected(error)) this.reservation.settle({ usd: 0, tokens: 0, calls: 1 });
  }

  /** Without a whole answer that says its usage, what was reserved is the upper bound that is certain. */
  ended(status: CallStatus): void {
    this.reservation.settle(this.taken(status));
  }

  private taken(status: CallStatus): Amounts {
    // Providers take nothing for a request that they refuse or fail at.
    if (status === 'http_error') return { usd: 0, tokens: 0, calls: 1 };
    if (status !== 'ok' || !this.head) return this.reserved;
    const {
      usage,
      costUsd,
      status: judged,
    } = assembleCall(
      {
        opening: this.opening,
        request: { ...readRequest(this.opening, this.request), bytes: this.request.length },
        head: { ...this.head, ms: 0 },
        body: Buffer.concat(this.pieces),
        closing: { status, error: null, ms: 0 },
      },
      links,
    );
    if (!usage || judged !== 'ok') return this.reserved;
    return { usd: costUsd ?? this.reserved.usd, tokens: usage.inputTokens + usage.outputTokens, calls: 1 };
  }
}

function isUnconnected(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ('code' in error && unconnected.has(String(error.code))) || isUnconnected(error.cause);
}
