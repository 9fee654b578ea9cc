import {
  endedSchema,
  refusedRolloutSchema,
  rolloutListSchema,
  rolloutSchema,
  startedSchema,
  unrewardedSchema,
} from '../../../model/responses.ts';
import { globalRolloutRequestSchema, rolloutBodySchema } from '../../../model/rollout.ts';
import { rolloutListQuery } from '../../routes/rollouts.ts';
import { json, keyed, refusals } from '../answers.ts';
import type { Answers, HeaderParameter, Operation } from '../operation.ts';

const root = '/api/harbor/rollouts';

/** Where what belongs to a rollout is found, from an answer that has its id. */
const byId = (field = 'id') => ({ id: `$response.body#/${field}` });
const links = (field?: string) => ({
  getRollout: byId(field),
  getRolloutEvents: byId(field),
  getRolloutLog: byId(field),
  getTrace: byId(field),
  getTrajectory: byId(field),
  listArtifacts: byId(field),
  cancelRollout: byId(field),
});

const prefer: HeaderParameter = {
  name: 'Prefer',
  description: '`respond-async`: answer at once, and have the rollout wait in Harbor for a place.',
  example: 'respond-async',
};

const description =
  'Waits until the rollout has ended, unless `Prefer: respond-async` is sent; for a place among those that may run it waits 30 seconds at most. A rollout goes on when its caller hangs up. With a `rollout_id` of your own the same request may be sent again: it finds the first one. `limits.timeout_s` is the time of the agent alone, in seconds; `limits.budget` bounds what it may spend on LLM calls. `trace_correlation_id` is for your own records; it need not be unique. With one, a request whose connection broke before its answer may be sent again as it is: it finds the rollout, open or ended within the last minute.';

const answers: Answers = {
  200: json(
    endedSchema,
    'It has ended, with a reward. Of several `policies`: all have ended, in whatever way.',
    links(),
  ),
  202: {
    ...json(startedSchema, 'It is stored and will run.', links()),
    headers: { Location: 'Where the rollout is.', 'Preference-Applied': 'Always `respond-async`.' },
  },
  ...refusals(...keyed, 404, 413, 415, 429),
  400: json(
    refusedRolloutSchema,
    'The request cannot be carried out as it stands; `field` names what is wrong with it.',
  ),
  409: json(
    refusedRolloutSchema,
    'The deployment is not ready or did not build, or another rollout has this `rollout_id`, or another request this `Idempotency-Key`.',
  ),
  424: json(
    unrewardedSchema,
    'It has ended without a reward: `code` says why. To send the same request again would run it again.',
  ),
};

export const rolloutOperations: readonly Operation[] = [
  {
    id: 'runRollout',
    method: 'post',
    path: '/api/harbor/deployments/:key/rollout',
    tag: 'rollouts',
    summary: 'Run a rollout of a deployment',
    description,
    headers: [prefer],
    body: {
      schema: rolloutBodySchema,
      required: false,
      examples: {
        'a task of the deployment': { env: { seed: 1 }, policy: { config: { model: 'gpt-5-mini' } } },
        'a task of your own': {
          policy: { config: { model: 'gpt-5-mini' } },
          prompt_template: { sections: [{ role: 'user', content: 'Make the tests pass.' }] },
          limits: { timeout_s: 600 },
        },
        'two models beside each other': {
          env: { seed: 1 },
          policies: [{ config: { model: 'gpt-5-mini' } }, { config: { model: 'gpt-5-nano' } }],
        },
      },
    },
    answers,
  },
  {
    id: 'runRolloutOf',
    method: 'post',
    path: '/api/harbor/rollout',
    tag: 'rollouts',
    summary: 'Run a rollout of the deployment that the body names',
    description,
    headers: [prefer],
    body: {
      schema: globalRolloutRequestSchema,
      required: true,
      examples: {
        'as evaluation scripts send it': {
          deployment_id: 'fix-the-bugs',
          trace_correlation_id: 'eval-1',
          seed: 1,
          limits: { timeout_s: 600 },
          params: { model: 'gpt-5-mini' },
        },
      },
    },
    answers,
  },
  {
    id: 'listRollouts',
    method: 'get',
    path: root,
    tag: 'rollouts',
    summary: 'List rollouts, newest first',
    query: rolloutListQuery,
    answers: { 200: json(rolloutListSchema, 'One page.', links('rollouts/0/id')), ...refusals(...keyed, 404) },
  },
  {
    id: 'getRollout',
    method: 'get',
    path: `${root}/:id`,
    tag: 'rollouts',
    summary: 'Get a rollout, open or ended',
    answers: { 200: json(rolloutSchema, 'The rollout.', links()), ...refusals(...keyed, 404) },
  },
  {
    id: 'cancelRollout',
    method: 'post',
    path: `${root}/:id/cancel`,
    tag: 'rollouts',
    summary: 'End a rollout',
    description: 'What it has done so far is kept. One that has ended stays as it is.',
    answers: {
      200: json(rolloutSchema, 'It has ended.'),
      202: json(rolloutSchema, 'It is being ended.'),
      ...refusals(...keyed, 404, 409),
    },
  },
];
