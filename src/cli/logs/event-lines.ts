import type { EventResponse } from '../../model/event-responses.ts';
import { isClosed, type RolloutStatus } from '../../model/rollout.ts';
import { clock, count, duration, money, reward } from '../format.ts';
import { type Paint, paintStatus, printable } from '../output.ts';
import { agentEventLines } from './agent-lines.ts';

/** What a phase is, told when it begins. */
const phases: Readonly<Record<RolloutStatus, string>> = {
  queued: 'queued',
  provisioning: 'making the sandbox',
  running: 'the agent works',
  evaluating: 'the tests judge',
  completed: 'completed',
  failed: 'failed',
  cancelled: 'cancelled',
};

/** One event of a rollout, as people want to see it. */
export function eventLines(event: EventResponse, paint: Paint): string[] {
  switch (event.type) {
    case 'status':
      return ['', statusLine(event, paint)];
    case 'log':
      return event.text.split('\n').map((line) => printable(line));
    case 'agent':
      return agentEventLines(event.event, paint);
    case 'call_started':
      return [paint('dim', `· asking ${printable(event.model ?? 'the model')} …`)];
    case 'call_ended':
      return [callLine(event, paint)];
    case 'notice':
      return [paint('yellow', event.message)];
  }
}

type Of<Type extends EventResponse['type']> = Extract<EventResponse, { readonly type: Type }>;

function statusLine({ at, attempt, status, reward: earned, failure }: Of<'status'>, paint: Paint): string {
  const parts = [
    paint('dim', clock(at)),
    paint('bold', paintStatus(paint, status, `── ${phases[status]} ──`)),
    ...(attempt > 1 ? [paint('magenta', `attempt ${attempt}`)] : []),
    ...(isClosed(status) ? [`reward ${paint('bold', reward(earned))}`] : []),
    ...(failure ? [paint('red', `${failure.class}: ${printable(failure.message)}`)] : []),
  ];
  return parts.join('  ');
}

function callLine(call: Of<'call_ended'>, paint: Paint): string {
  const { model, usage, status, http_status: httpStatus, error } = call;
  const seconds = call.duration_ms === null ? null : call.duration_ms / 1000;
  if (status !== 'ok') {
    const what = [status.replaceAll('_', ' '), httpStatus === null ? '' : `(${httpStatus})`].filter(Boolean).join(' ');
    return paint('red', `· ${printable(model ?? 'model')}  ${what}${error ? `: ${printable(error)}` : ''}`);
  }
  const tokens = usage
    ? `${count(usage.input_tokens)} in (${count(usage.cached_tokens)} cached), ${count(usage.output_tokens)} out, ${money(call.cost_usd)}`
    : 'no usage reported';
  return paint('dim', `· ${printable(model ?? 'model')}  ${duration(seconds)}  ${tokens}`);
}
