import type { CallRecord } from '../../model/call.ts';
import { Conversation } from './conversation.ts';
import type { ReadCall } from './read-call.ts';

/** The calls of one attempt, told apart by which goes on from which. */
export class Conversations {
  /** Every call, in order. */
  readonly calls: CallRecord[] = [];
  private readonly all: Conversation[] = [];

  add(read: ReadCall): void {
    const { record, turn, isAnswered } = read;
    this.calls.push(record);
    // A question that is answered without a word is about the conversation, not of it, such as a count of tokens.
    const isOfOne = isAnswered || record.status !== 'ok' || record.error !== null;
    if (!isOfOne || (turn.conversation.length === 0 && !isAnswered)) return;
    this.find(read).add(read);
  }

  /**
   * What the agent itself did: the first conversation in which it had tools, where there is one; undefined where nothing
   * can be read. Beside it the others with answers in them, in the order in which they began.
   */
  split(): { readonly main: Conversation | undefined; readonly others: readonly Conversation[] } {
    const answered = this.all.filter(({ calls }) => calls.length > 0);
    const candidates = answered.length > 0 ? answered : this.all;
    let main = candidates.find(({ tools }) => tools.size > 0) ?? candidates[0];
    const successor = (of: Conversation) => answered.find((one) => one.repeats === of && takesOver(one, of));
    for (let next = main && successor(main); next; next = successor(next)) main = next;
    return { main, others: answered.filter((one) => one !== main) };
  }

  private find(read: ReadCall): Conversation {
    const ranked = this.all
      .map((conversation) => ({ conversation, shared: conversation.sharedWith(read) ?? 0 }))
      .filter(({ shared }) => shared > 0)
      .sort((a, b) => b.shared - a.shared);
    const longest = ranked.filter(({ shared }) => shared === ranked[0]?.shared).map((one) => one.conversation);
    const caller = this.caller(read);
    const continued = longest.find((one) => one === caller) ?? longest.at(-1);
    if (continued && !(read.continues === null && continued.hasAnswered(read))) return continued;
    const known = continued ? undefined : (caller ?? this.all.findLast((one) => one.isSummedUpIn(read)));
    return known ?? this.begin(continued);
  }

  /** Whose tool call the newest result answers. */
  private caller({ turn }: ReadCall): Conversation | undefined {
    for (const told of turn.conversation.toReversed()) {
      const caller =
        told.kind === 'result' ? this.all.findLast((conversation) => conversation.hasIssued(told.callId)) : undefined;
      if (caller) return caller;
    }
    return undefined;
  }

  private begin(repeats: Conversation | undefined): Conversation {
    const conversation = new Conversation(repeats);
    this.all.push(conversation);
    return conversation;
  }
}

/** Of two answers to the same request the agent went on with the later one. */
function takesOver(later: Conversation, { calls }: Conversation): boolean {
  const [first, second] = later.calls;
  return first !== undefined && second !== undefined && (calls.at(-1)?.id ?? '') < first.id;
}
