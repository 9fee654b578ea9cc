import { gcReportSchema, gcRequestSchema } from '../../../model/garbage.ts';
import { json, keyed, refusals } from '../answers.ts';
import type { Operation } from '../operation.ts';

export const gcOperations: readonly Operation[] = [
  {
    id: 'collectGarbage',
    method: 'post',
    path: '/api/harbor/gc',
    tag: 'upkeep',
    summary: 'Remove what nobody needs',
    description:
      'Of the whole server, which does the same by itself every hour. Snapshots beyond their quota, those first that were not used for longest, and none that a rollout or a build needs: one that is gone is built again when it is needed. What lies at the sandbox provider and nobody uses. Traces that are past their time. Blobs that nothing refers to for a day. Answers when it is done; a second request meanwhile joins the first. 503: it takes longer than a request is kept waiting.',
    body: {
      schema: gcRequestSchema,
      required: false,
      examples: { 'only tell': { dry_run: true }, remove: { dry_run: false } },
    },
    answers: {
      200: json(gcReportSchema, 'What was removed, or would be.'),
      ...refusals(...keyed, 409, 413, 415),
    },
  },
];
