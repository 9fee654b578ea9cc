import type { AgentEvent } from './agent-event.ts';
import type { CallStatus } from './call.ts';
import type { Failure } from './failures.ts';
import type { RolloutStatus } from './rollout.ts';

/** Output of the agent, or of the tests that judge it. */
export type OutputStream = 'agent' | 'tests';

/** Something that happened in a rollout. Contents are in the words of the API. */
export interface RolloutEvent {
  /** 1, 2, 3 … within the rollout: the place from which a reader goes on. */
  readonly seq: number;
  /** 0: before the first. */
  readonly attempt: number;
  readonly at: Date;
  readonly content: EventContent;
}

export type EventContent =
  /** A phase was entered; of the last one, with what the rollout came to. */
  | {
      readonly type: 'status';
      readonly status: RolloutStatus;
      readonly reward?: number | null;
      readonly failure?: Failure | null;
    }
  /** Whole lines of output that is text for people. */
  | { readonly type: 'log'; readonly stream: OutputStream; readonly text: string }
  | { readonly type: 'agent'; readonly event: AgentEvent }
  /** Of a call that was over before this could be told there is only the end. */
  | { readonly type: 'call_started'; readonly call_id: string; readonly model: string | null }
  | {
      readonly type: 'call_ended';
      readonly call_id: string;
      readonly model: string | null;
      readonly status: CallStatus;
      readonly http_status: number | null;
      /** null: it reported none. */
      readonly usage: {
        readonly input_tokens: number;
        readonly cached_tokens: number;
        readonly cache_write_tokens: number;
        readonly output_tokens: number;
        readonly reasoning_tokens: number;
      } | null;
      /** null: the price is not known, or there is no usage. */
      readonly cost_usd: number | null;
      readonly duration_ms: number | null;
      readonly error: string | null;
    }
  /** Harbor's own remark, such as on output that is not told any more. */
  | { readonly type: 'notice'; readonly message: string };

export type EventType = EventContent['type'];
