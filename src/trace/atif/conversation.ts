import type { CallRecord } from '../../model/call.ts';
import type { JsonObject } from '../../model/json.ts';
import { type Answered, type Told, asSaid } from '../turn.ts';
import { type PlannedStep, answerStep, copiedStep, toldStep } from './planned-step.ts';
import { type ReadCall, toldKey } from './read-call.ts';
import { nameOf } from './tool-definitions.ts';

/** Characters of a line that is not found in another text by chance. */
const tellingLength = 40;
/** Which share of such lines agents hand on at least: they leave out what the model thought to itself. */
const tellingShare = 1 / 4;

/** Calls of which each goes on from the one before, and the steps that they make. */
export class Conversation {
  /** The conversation in which the same request had been answered before. */
  readonly repeats: Conversation | undefined;
  readonly steps: PlannedStep[] = [];
  readonly tools = new Map<string, JsonObject>();
  /** Those that were answered. */
  readonly calls: CallRecord[] = [];
  /** Of the last request. */
  private given: readonly string[] = [];
  /** Whether that was answered, or has still to be repeated. */
  private isAnswered = false;
  private readonly system = new Set<string>();
  /** How often each thing has been said in the conversation. */
  private readonly told = new Map<string, number>();
  /** The steps that the tool calls belong to, by their ids. */
  private readonly issued = new Map<string, PlannedStep>();
  private readonly responseIds = new Set<string>();
  private lastText = '';

  constructor(repeats?: Conversation) {
    this.repeats = repeats;
  }

  /** How much of a request the conversation is; undefined where the request tells it in another way or not at all. */
  sharedWith({ given, continues }: ReadCall): number | undefined {
    if (continues !== null && this.responseIds.has(continues)) return Infinity;
    if (this.given.length === 0 || this.given.length > given.length) return undefined;
    return this.given.every((key, index) => key === given[index]) ? this.given.length : undefined;
  }

  /** The request has been answered already. */
  hasAnswered({ given }: ReadCall): boolean {
    return this.isAnswered && this.given.length === given.length;
  }

  hasIssued(callId: string): boolean {
    return this.issued.has(callId);
  }

  /** Agents whose conversation has grown too long begin it anew, with what the model wrote of it. */
  isSummedUpIn({ turn }: ReadCall): boolean {
    const messages = turn.conversation.filter((told) => told.kind === 'message');
    if (!messages.some((told) => this.system.has(toldKey(told)))) return false;
    const lines = this.lastText.split('\n').flatMap((line) => (line.trim().length < tellingLength ? [] : line.trim()));
    const found = lines.filter((line) => messages.some((told) => !isSystem(told) && told.text.includes(line)));
    return found.length > 0 && found.length >= lines.length * tellingShare;
  }

  add(read: ReadCall): void {
    this.addTold(read);
    for (const tool of read.tools) if (!this.tools.has(nameOf(tool))) this.tools.set(nameOf(tool), tool);
    if (read.continues === null || this.given.length === 0) this.given = read.given;
    this.isAnswered = read.isAnswered;
    if (read.isAnswered) this.addAnswer(read);
  }

  private addTold({ record, turn, continues }: ReadCall): void {
    const isFirst = this.calls.length === 0;
    const seen = new Map<string, number>();
    const copied: Answered[] = [];
    const flush = (): void => {
      if (copied.length > 0) this.push(copiedStep(record.startedAt, copied.splice(0)));
    };
    for (const told of turn.conversation) {
      const key = toldKey(told);
      if (isSystem(told)) this.system.add(key);
      const known = this.told.get(key) ?? 0;
      seen.set(key, (seen.get(key) ?? 0) + 1);
      if (continues === null && (seen.get(key) ?? 0) <= known) continue;
      this.told.set(key, known + 1);
      if (told.kind === 'said') {
        if (isFirst || isForeignTool(told.answer, this.issued)) copied.push(told.answer);
        continue;
      }
      flush();
      if (told.kind === 'message') this.push(toldStep(record.startedAt, told.role, told.text));
      else this.addResult(told.callId, told.text, record.startedAt);
    }
    flush();
  }

  private addResult(callId: string, content: string, at: Date): void {
    const step = this.issued.get(callId);
    if (!step) {
      const last = this.steps.at(-1);
      if (last) last.results.push({ content });
      else this.push(toldStep(at, 'user', content));
    } else if (!step.results.some((result) => result.source_call_id === callId)) {
      // Only the first counts: later requests may tell it shortened.
      step.results.push({ source_call_id: callId, content });
    }
  }

  private addAnswer(read: ReadCall): void {
    this.push(answerStep(read));
    this.calls.push(read.record);
    if (read.record.responseId !== null) this.responseIds.add(read.record.responseId);
    for (const said of asSaid(read.turn.answered)) {
      const key = toldKey(said);
      this.told.set(key, (this.told.get(key) ?? 0) + 1);
    }
    this.lastText = read.turn.answered.flatMap((one) => (one.kind === 'text' ? [one.text.trim()] : [])).join('\n');
  }

  private push(step: PlannedStep): void {
    this.steps.push(step);
    for (const { tool_call_id: id } of step.tools) this.issued.set(id, step);
  }
}

function isSystem(told: Told): boolean {
  return told.kind === 'message' && (told.role === 'system' || told.role === 'developer');
}

/** A tool call of the model's past that was not recorded: its result needs a step to stand at. */
function isForeignTool(answer: Answered, issued: ReadonlyMap<string, PlannedStep>): boolean {
  return answer.kind === 'tool' && answer.callId !== '' && !issued.has(answer.callId);
}
