import type { z } from 'zod';
import { problemSchema } from '../../model/responses.ts';
import type { Answer, Answers } from './operation.ts';

/** The answers that mean the same on every route. */
const problems = {
  400: 'The request cannot be carried out as it stands; `field` names what is wrong with it.',
  401: 'No API key was sent, or one that is not valid.',
  404: 'There is none of this id or name.',
  409: 'What is there already stands in the way; `remedy` says how to go on.',
  410: 'It was removed, as the server is set to; `detail` says when, and after how long.',
  413: 'The body is too large.',
  415: 'The body is compressed; send it as it is.',
  429: 'All places for running rollouts are taken. Nothing was started: the same request may be sent again.',
  500: 'Harbor failed; its log has the reason under the id that `detail` gives.',
  503: 'A part of Harbor is away for the moment. Nothing was started: the same request may be sent again.',
} as const;
type ProblemStatus = keyof typeof problems;

const headers: { readonly [status in ProblemStatus]?: Answer['headers'] } = {
  401: { 'WWW-Authenticate': 'Always `Bearer`.' },
  429: { 'Retry-After': 'Seconds after which a repeat makes sense.' },
  503: { 'Retry-After': 'Seconds after which a repeat makes sense.' },
};

/** What any route may answer that asks for a key. */
export const keyed = [400, 401, 500, 503] as const;

/** Refusals in their one form. */
export function refusals(...statuses: readonly ProblemStatus[]): Answers {
  return Object.fromEntries(statuses.map((status) => [status, refusal(status)]));
}

/** A refusal with a reason of its own. */
export function refusal(status: ProblemStatus, description: string = problems[status]): Answer {
  const always = headers[status];
  return { description, content: { 'application/json': problemSchema }, ...(always && { headers: always }) };
}

export function json(schema: z.ZodType, description: string, links?: Answer['links']): Answer {
  return { description, content: { 'application/json': schema }, ...(links && { links }) };
}
