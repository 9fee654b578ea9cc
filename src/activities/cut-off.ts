import type { CallRecord } from '../model/call.ts';
import type { Absence } from '../model/resume.ts';

/** What is known of an agent that gave up by itself. */
export interface GivenUp {
  /** When; to the second, as sandboxes tell it. */
  readonly at: Date;
  /** Its LLM calls, in the order in which they began. */
  readonly calls: readonly Pick<CallRecord, 'status' | 'startedAt' | 'endedAt'>[];
  /** When nobody served it. */
  readonly absences: readonly Absence[];
}

/** Milliseconds by which a time in whole seconds may lie before what it stands for. */
const roundingMs = 1000;

/**
 * What fault of Harbor's cut an agent off that gave up: the interceptor died over its last call, or was away after it, so
 * that there may have been calls of which nobody knows. Undefined: none, since whatever came after it reached somebody.
 */
export function cutOffBy({ at, calls, absences }: GivenUp): string | undefined {
  const last = calls.at(-1);
  if (last?.status === 'killed') return "the interceptor died over the agent's last call";
  const reached = last && (last.endedAt ?? last.startedAt);
  const absence = absences.find(
    ({ since, until }) => since.getTime() < at.getTime() + roundingMs && (!reached || until > reached),
  );
  if (!absence) return undefined;
  return `the interceptor was away from ${absence.since.toISOString()} to ${absence.until.toISOString()}`;
}

/** Milliseconds behind `from` in which nobody served. Absences of several interceptors may overlap. */
export function absentMs(absences: readonly Absence[], from: Date): number {
  let [reached, sum] = [from.getTime(), 0];
  for (const { since, until } of absences.toSorted((a, b) => a.since.getTime() - b.since.getTime())) {
    const begin = Math.max(reached, since.getTime());
    sum += Math.max(0, until.getTime() - begin);
    reached = Math.max(reached, until.getTime());
  }
  return sum;
}
