import {
  buildStartedSchema,
  deploymentListSchema,
  deploymentSchema,
  deploymentStatusSchema,
} from '../../../model/deployment-responses.ts';
import { deploymentListQuery } from '../../routes/deployments.ts';
import { json, keyed, refusal, refusals } from '../answers.ts';
import { buildDeploymentBody, createDeploymentBody } from '../components.ts';
import type { Operation } from '../operation.ts';

const root = '/api/harbor/deployments';

/** Where what belongs to a deployment is found, from an answer that has its id. */
const byId = (field: string) => ({ key: `$response.body#/${field}` });
const links = (field: string) => ({
  getDeployment: byId(field),
  getDeploymentStatus: byId(field),
  listBuilds: byId(field),
  buildDeployment: byId(field),
  runRollout: byId(field),
  createInstances: byId(field),
  listInstances: byId(field),
});

export const deploymentOperations: readonly Operation[] = [
  {
    id: 'createDeployment',
    method: 'post',
    path: root,
    tag: 'deployments',
    summary: 'Upload a deployment and start its build',
    description:
      'Answers as soon as the build is under way; `GET …/status` tells when it is ready. The Dockerfile is `dockerfile`, or else the one in the context. `tasks/<seed>/tests` and `…/solution` are held back: no agent sees them. A name whose deployment has failed may be used again. Limits are in seconds, cores and MiB.',
    body: {
      schema: createDeploymentBody,
      required: true,
      examples: {
        'a Dockerfile alone': {
          name: 'my-project',
          dockerfile: 'FROM debian:bookworm-slim\nWORKDIR /app\n',
          limits: { timeout_s: 600, cpu_cores: 2, memory_mb: 4096, disk_mb: 10240 },
        },
      },
    },
    answers: {
      200: json(deploymentSchema, 'It is stored, and its build is under way.', links('id')),
      ...refusals(...keyed),
      409: refusal(409, 'A deployment of this name exists and has not failed.'),
    },
  },
  {
    id: 'listDeployments',
    method: 'get',
    path: root,
    tag: 'deployments',
    summary: 'List deployments, newest first',
    query: deploymentListQuery,
    answers: {
      200: json(deploymentListSchema, 'One page.', links('deployments/0/id')),
      ...refusals(...keyed),
    },
  },
  {
    id: 'getDeployment',
    method: 'get',
    path: `${root}/:key`,
    tag: 'deployments',
    summary: 'Get a deployment with its settings',
    answers: { 200: json(deploymentSchema, 'The deployment.', links('id')), ...refusals(...keyed, 404) },
  },
  {
    id: 'getDeploymentStatus',
    method: 'get',
    path: `${root}/:key/status`,
    tag: 'deployments',
    summary: 'Get how far a deployment is',
    description: 'Rollouts are taken once `status` is `ready`.',
    answers: {
      200: json(deploymentStatusSchema, 'The deployment with its newest builds.', {
        getBuildOfDeployment: { key: '$response.body#/id', build: '$response.body#/builds/0/id' },
        getBuildLogOfDeployment: { key: '$response.body#/id', build: '$response.body#/builds/0/id' },
      }),
      ...refusals(...keyed, 404),
    },
  },
  {
    id: 'buildDeployment',
    method: 'post',
    path: `${root}/:key/build`,
    tag: 'builds',
    summary: 'Build a deployment again',
    description:
      'Of new content where the request brings some, else of what is stored. Without new content and without `force` it joins a build that is under way. Content that was built before is found, not built, unless `force` is true.',
    body: {
      schema: buildDeploymentBody,
      required: false,
      examples: {
        'what is stored': {},
        'another Dockerfile, with the stored context': { dockerfile: 'FROM debian:bookworm-slim\nWORKDIR /app\n' },
      },
    },
    answers: {
      200: json(buildStartedSchema, 'The build is under way, or had nothing to do.', {
        getBuild: { build: '$response.body#/build_id' },
        getBuildLog: { build: '$response.body#/build_id' },
      }),
      ...refusals(...keyed, 404),
    },
  },
];
