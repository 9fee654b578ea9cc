import {
  createInstancesSchema,
  instanceListSchema,
  instancesBuildSchema,
  instancesCreatedSchema,
} from '../../../model/instance.ts';
import { instanceListQuery } from '../../routes/instances.ts';
import { json, keyed, refusals } from '../answers.ts';
import type { Operation } from '../operation.ts';

const root = '/api/harbor/deployments/:key/instances';

export const instanceOperations: readonly Operation[] = [
  {
    id: 'createInstances',
    method: 'post',
    path: `${root}/batch`,
    tag: 'instances',
    summary: 'Note seeds of a deployment as its instances',
    description:
      'Seeds `start_seed` to `start_seed + count - 1`. Those that are instances already stay so: the same request may be sent again. Nothing is built for a seed, since all run on the one snapshot: an instance is as ready as its deployment. One for which the deployment has no task has failed.',
    body: { schema: createInstancesSchema, required: false, examples: { 'a hundred': { count: 100, start_seed: 0 } } },
    answers: {
      200: json(instancesCreatedSchema, 'How ready all instances of the deployment are now.', {
        listInstances: { key: '$response.body#/deployment_id' },
        buildInstances: { key: '$response.body#/deployment_id' },
      }),
      ...refusals(...keyed, 404, 413, 415),
    },
  },
  {
    id: 'buildInstances',
    method: 'post',
    path: `${root}/build-all`,
    tag: 'instances',
    summary: 'Start the build that the instances of a deployment wait for',
    description:
      'Joins a build that is under way; starts one where the last has failed. Answers without waiting for it.',
    answers: {
      200: json(instancesBuildSchema, 'How ready all instances of the deployment are now.'),
      ...refusals(...keyed, 404),
    },
  },
  {
    id: 'listInstances',
    method: 'get',
    path: root,
    tag: 'instances',
    summary: 'List the instances of a deployment by seed',
    query: instanceListQuery,
    answers: {
      200: json(instanceListSchema, 'The instances, all of them unless a page is asked for.'),
      ...refusals(...keyed, 404),
    },
  },
];
