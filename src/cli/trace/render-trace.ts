import type { TraceCall } from '../../sdk/client.ts';
import { clock, count, duration, money, size } from '../format.ts';
import { type Paint, printable } from '../output.ts';
import { clip } from '../table.ts';
import { noLimit, type Room, shorten, usualRoom } from './shorten.ts';
import { outputLines, promptLines } from './terminal-lines.ts';
import { commandOf, readResult } from './tool-text.ts';
import { readTurn } from '../../trace/read-turn.ts';
import { type Answered, type Given, givenIn } from '../../trace/turn.ts';

export interface TraceStyle {
  readonly paint: Paint;
  /** Nothing is left out of what tools were asked and answered. */
  readonly full: boolean;
}

/** For messages: an instruction should be readable as a whole. */
const messageRoom: Room = { head: 30, tail: 6, width: Infinity };

/** A user message that no user wrote: agents tell their models of the machine in elements of such names. */
const madeByAgent = /^<([\w-]+)>.*<\/\1>\s*$/s;

/**
 * A trace as a conversation, line by line as its calls come: what the model was told, what it said, the tools it used and
 * what they answered. Each request repeats the conversation before it, of which only the news is shown.
 */
export async function* renderTrace(
  calls: AsyncIterable<TraceCall>,
  { paint, full }: TraceStyle,
): AsyncGenerator<string> {
  const numbers = new Map<string, number>();
  const said = new Set<string>();
  let asked = new Map<string, string>();
  let attempt = 1;
  let spent: number | null = 0;

  for await (const call of calls) {
    numbers.set(call.id, numbers.size + 1);
    if (call.attempt !== attempt) {
      attempt = call.attempt;
      said.clear();
      yield* ['', paint('bold', `━━━ attempt ${attempt} ━━━`)];
    }
    const turn = readTurn(call);
    const news = givenIn(turn).filter((given) => {
      const key = JSON.stringify(given);
      const isNew = !said.has(key);
      said.add(key);
      return isNew;
    });
    yield* renderGiven(news);
    if (call.cost_usd === null && call.usage) spent = null;
    else if (spent !== null) spent += call.cost_usd ?? 0;
    yield* renderHead(call, spent);
    for (const answer of turn.answered) yield* renderAnswer(answer);
    if (turn.answered.length > 0) asked = toolsIn(turn.answered);
  }

  function* renderGiven(news: readonly Given[]): Generator<string> {
    for (const given of news) {
      if (given.kind === 'result') yield* renderResult(given.callId, given.text);
      else yield* renderMessage(given.role, given.text);
    }
  }

  function* renderMessage(role: string, text: string): Generator<string> {
    const made = madeByAgent.exec(text)?.[1];
    if (role === 'user' && made === undefined) {
      yield* ['', ...shorten(text, full ? noLimit : messageRoom).map((line) => `${paint('blue', '▌')} ${line}`)];
      return;
    }
    yield paint('dim', `▏ ${made ?? `${role} prompt`}, ${size(Buffer.byteLength(text))}`);
    if (full) yield* shorten(text, noLimit).map((line) => paint('dim', `▏ ${line}`));
  }

  function* renderHead(call: TraceCall, sum: number | null): Generator<string> {
    const { usage } = call;
    const tokens = usage
      ? `${count(usage.input_tokens)} in (${count(usage.cached_tokens)} cached), ${count(usage.output_tokens)} out`
      : call.status === 'refused'
        ? 'not forwarded'
        : 'no usage reported';
    const cost = usage ? `${money(call.cost_usd)}, ${money(sum)} so far` : '';
    const parts = [clock(call.started_at), call.model ?? 'no model', duration(seconds(call.duration_ms)), tokens, cost];
    yield '';
    yield `${paint('bold', `── ${numbers.get(call.id)} ──`)} ${paint('dim', parts.filter(Boolean).join('  '))}`;
    if (call.retry_of !== null) {
      yield paint('yellow', `↻ repeats call ${numbers.get(call.retry_of) ?? call.retry_of}, which had failed`);
    }
    if (call.status !== 'ok') {
      const what = [call.status.replaceAll('_', ' '), call.http_status === null ? '' : `(${call.http_status})`];
      yield paint('red', `✗ ${what.filter(Boolean).join(' ')}${call.error ? `: ${printable(call.error)}` : ''}`);
    }
  }

  function* renderAnswer(answer: Answered): Generator<string> {
    const room = full ? noLimit : usualRoom;
    if (answer.kind === 'text') {
      yield* shorten(answer.text, noLimit);
    } else if (answer.kind === 'thought') {
      yield* shorten(answer.text, room).map((line) => paint('dim', `(${line})`));
    } else {
      const command = commandOf(answer.input);
      if (command !== undefined) yield* promptLines(command, room, paint);
      else
        yield* [
          paint('cyan', `→ ${printable(answer.name)}`),
          ...shorten(answer.input, room).map((line) => `  ${line}`),
        ];
    }
  }

  function* renderResult(callId: string, output: string): Generator<string> {
    const { text, exitCode } = readResult(output);
    // With several tools at once, each answer has to say which it belongs to.
    const question = asked.size > 1 ? asked.get(callId) : undefined;
    if (question !== undefined) yield paint('dim', `  answer to ${clip(printable(question), 80)}`);
    yield* outputLines(text, exitCode, full ? noLimit : usualRoom, paint);
  }
}

function toolsIn(answered: readonly Answered[]): Map<string, string> {
  return new Map(
    answered.flatMap((answer): [string, string][] =>
      answer.kind === 'tool' ? [[answer.callId, commandOf(answer.input) ?? answer.name]] : [],
    ),
  );
}

function seconds(milliseconds: number | null): number | null {
  return milliseconds === null ? null : milliseconds / 1000;
}
