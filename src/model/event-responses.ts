/** What the API tells of a rollout's events. */
import { z } from 'zod';
import type { AgentEvent } from './agent-event.ts';
import { callStatuses } from './call.ts';
import { callUsageSchema, failureSchema, timestamp } from './responses.ts';
import { rolloutStatuses } from './rollout.ts';

const subAgent = { sub_agent: z.string().optional() };

const agentEventSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('session'), session_id: z.string(), ...subAgent }),
  z.object({ type: z.literal('message'), text: z.string(), ...subAgent }),
  z.object({ type: z.literal('reasoning'), text: z.string(), ...subAgent }),
  z.object({ type: z.literal('tool_call'), call_id: z.string(), tool: z.string(), input: z.string(), ...subAgent }),
  z.object({
    type: z.literal('tool_result'),
    call_id: z.string(),
    output: z.string(),
    exit_code: z.number().nullable(),
    failed: z.boolean(),
    ...subAgent,
  }),
  z.object({
    type: z.literal('file_change'),
    path: z.string(),
    change: z.enum(['added', 'changed', 'deleted']),
    ...subAgent,
  }),
  z.object({
    type: z.literal('plan'),
    steps: z.array(z.object({ text: z.string(), done: z.boolean() })).readonly(),
    ...subAgent,
  }),
  z.object({ type: z.literal('retry'), message: z.string(), ...subAgent }),
  z.object({ type: z.literal('notice'), message: z.string(), ...subAgent }),
  z.object({
    type: z.literal('end'),
    reason: z.enum(['completed', 'failed']),
    message: z.string().nullable(),
    ...subAgent,
  }),
]) satisfies z.ZodType<AgentEvent>;

const place = {
  /** 1, 2, 3 … within the rollout; the id of the server-sent event, and the cursor from which a reader goes on. */
  seq: z.int(),
  /** 0: before the first attempt. */
  attempt: z.int(),
  at: timestamp,
};

const statusEvent = z.object({
  type: z.literal('status'),
  status: z.enum(rolloutStatuses),
  /** Of the last one. */
  reward: z.number().nullable().optional(),
  failure: failureSchema.nullable().optional(),
});
const logEvent = z.object({ type: z.literal('log'), stream: z.enum(['agent', 'tests']), text: z.string() });
const agentActEvent = z.object({ type: z.literal('agent'), event: agentEventSchema });
const callStartedEvent = z.object({
  type: z.literal('call_started'),
  call_id: z.string(),
  model: z.string().nullable(),
});
const callEndedEvent = z.object({
  type: z.literal('call_ended'),
  call_id: z.string(),
  model: z.string().nullable(),
  status: z.enum(callStatuses),
  http_status: z.int().nullable(),
  usage: callUsageSchema.nullable(),
  cost_usd: z.number().nullable(),
  duration_ms: z.number().nullable(),
  error: z.string().nullable(),
});
const noticeEvent = z.object({ type: z.literal('notice'), message: z.string() });

/** One event: where it stands, and what happened. */
export const eventSchema = z.discriminatedUnion('type', [
  statusEvent.extend(place),
  logEvent.extend(place),
  agentActEvent.extend(place),
  callStartedEvent.extend(place),
  callEndedEvent.extend(place),
  noticeEvent.extend(place),
]);
export type EventResponse = z.infer<typeof eventSchema>;

/** `GET …/events` as JSON: one page. */
export const eventListSchema = z.object({
  rollout_id: z.string(),
  events: z.array(eventSchema),
  /** Give it as `after` to get what comes next. */
  next: z.int(),
  /** No more will come. */
  complete: z.boolean(),
});
export type EventList = z.infer<typeof eventListSchema>;
