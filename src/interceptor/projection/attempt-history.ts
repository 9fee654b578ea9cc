import type { CallStatus } from '../../model/call.ts';
import { attemptKey } from '../../model/ids.ts';
import type { AttemptRef } from '../tokens.ts';
import type { CallSink } from './call-sink.ts';

/** Attempts that are remembered; the sink knows the others. */
const remembered = 2000;

interface PastCall {
  readonly id: string;
  readonly requestRef: string | null;
  /** null: it is open. */
  status: CallStatus | null;
}

/** The earlier calls of attempts, as far as a call needs to know them. */
export class AttemptHistory {
  private readonly sink: CallSink;
  private readonly attempts = new Map<string, Map<string, PastCall>>();

  constructor(sink: CallSink) {
    this.sink = sink;
  }

  /** The request before this one: for the most part they hold the same. */
  async previousRequest(attempt: AttemptRef, id: string): Promise<string | undefined> {
    const earlier = (await this.earlier(attempt, id)).filter(({ requestRef }) => requestRef !== null);
    return earlier.at(-1)?.requestRef ?? undefined;
  }

  async opened(attempt: AttemptRef, id: string, requestRef: string): Promise<void> {
    (await this.calls(attempt)).set(id, { id, requestRef, status: null });
  }

  async closed(attempt: AttemptRef, id: string, status: CallStatus): Promise<void> {
    const call = (await this.calls(attempt)).get(id);
    if (call) call.status = status;
  }

  /** The failed call that this one repeats: the last before it with the same request, if that one failed. */
  async retryOf(attempt: AttemptRef, id: string, requestRef: string): Promise<string | null> {
    const same = (await this.earlier(attempt, id)).filter((call) => call.requestRef === requestRef).at(-1);
    return same && same.status !== null && same.status !== 'ok' ? same.id : null;
  }

  private async earlier(attempt: AttemptRef, id: string): Promise<PastCall[]> {
    const calls = await this.calls(attempt);
    return [...calls.values()].filter((call) => call.id < id).sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  private async calls({ rolloutId, attempt }: AttemptRef): Promise<Map<string, PastCall>> {
    const key = attemptKey(rolloutId, attempt);
    const calls = this.attempts.get(key) ?? (await this.saved(rolloutId, attempt));
    // Set anew, so that the first in the map is the one that was not asked for the longest.
    this.attempts.delete(key);
    this.attempts.set(key, calls);
    const [oldest] = this.attempts.keys();
    if (this.attempts.size > remembered && oldest !== undefined) this.attempts.delete(oldest);
    return calls;
  }

  private async saved(rolloutId: string, attempt: number): Promise<Map<string, PastCall>> {
    const calls = (await this.sink.list(rolloutId)).filter((call) => call.attempt === attempt);
    return new Map(calls.map(({ id, requestRef, status }) => [id, { id, requestRef, status }]));
  }
}
