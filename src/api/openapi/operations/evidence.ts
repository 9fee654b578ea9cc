import { z } from 'zod';
import { eventListSchema, eventSchema } from '../../../model/event-responses.ts';
import { artifactListSchema, traceSchema } from '../../../model/responses.ts';
import { eventsQuery } from '../../routes/rollout-events.ts';
import { rolloutLogQuery } from '../../routes/rollouts.ts';
import { trajectorySchema } from '../../../trace/atif/zod-schema.ts';
import { json, keyed, refusals } from '../answers.ts';
import type { Answer, Operation } from '../operation.ts';

const root = '/api/harbor/rollouts/:id';

const bytes = (description: string): Answer => ({
  description,
  content: { '*/*': null },
  headers: { 'Content-Disposition': 'Always `attachment`, with the name.' },
});

export const evidenceOperations: readonly Operation[] = [
  {
    id: 'getRolloutEvents',
    method: 'get',
    path: `${root}/events`,
    tag: 'evidence',
    summary: 'Watch what happens in a rollout',
    description:
      'As server-sent events until the rollout has ended and all is told: `id` is the place of an event, `data` all of it. Who asks for `application/json` gets one page of at most 500 events instead, and goes on with `after` = `next` until `complete`.',
    query: eventsQuery,
    headers: [
      {
        name: 'Last-Event-ID',
        description: 'As browsers send it when they connect again; the same as `after`.',
        example: '12',
      },
    ],
    answers: {
      200: {
        description: 'The events.',
        content: { 'text/event-stream': eventSchema, 'application/json': eventListSchema },
      },
      204: { description: 'The rollout has ended, and all was told: do not connect again.' },
      ...refusals(...keyed, 404),
    },
  },
  {
    id: 'getRolloutLog',
    method: 'get',
    path: `${root}/logs`,
    tag: 'evidence',
    summary: 'Get the output of the agent or of the tests',
    description: 'As text, of one attempt. With `follow` the answer goes on until the attempt has ended.',
    query: rolloutLogQuery,
    answers: {
      200: { description: 'The log from `offset` on.', content: { 'text/plain': z.string() } },
      ...refusals(...keyed, 404, 410),
    },
  },
  {
    id: 'getTrace',
    method: 'get',
    path: `${root}/trace`,
    tag: 'evidence',
    summary: 'Get every LLM call of a rollout with what was asked and answered',
    description: 'May be larger than memory: it is written call by call, each on a line of its own.',
    answers: {
      200: json(traceSchema, 'All calls, in order, of all attempts.', {
        getCallBody: { id: '$response.body#/rollout_id', call: '$response.body#/calls/0/id' },
      }),
      ...refusals(...keyed, 404, 410),
    },
  },
  {
    id: 'getCallBody',
    method: 'get',
    path: `${root}/trace/:call/:side`,
    tag: 'evidence',
    summary: 'Get the bytes of a request or a response as they crossed the wire',
    answers: { 200: bytes('The bytes.'), ...refusals(...keyed, 404, 410) },
  },
  {
    id: 'getTrajectory',
    method: 'get',
    path: `${root}/trajectory`,
    tag: 'evidence',
    summary: 'Get a rollout as a trajectory in the format ATIF',
    description:
      'What the agent was told, said and did, step by step, with tokens and costs: for trainers and viewers. The last attempt is the trajectory; earlier ones stand among `subagent_trajectories`. Of an open rollout what there is so far.',
    answers: {
      200: json(trajectorySchema, 'The trajectory.'),
      ...refusals(...keyed, 404, 410),
    },
  },
  {
    id: 'listArtifacts',
    method: 'get',
    path: `${root}/artifacts`,
    tag: 'evidence',
    summary: 'List the files that a rollout left',
    description:
      'The diff of the working directory, result.json, reports of tests. Sizes are in bytes. Those that were removed later are listed still, and say so.',
    answers: { 200: json(artifactListSchema, 'The files, by attempt and name.'), ...refusals(...keyed, 404) },
  },
  {
    id: 'getArtifact',
    method: 'get',
    path: `${root}/artifacts/:attempt/*name`,
    tag: 'evidence',
    summary: 'Get a file that a rollout left',
    answers: { 200: bytes('The file.'), ...refusals(...keyed, 404, 410) },
  },
];
