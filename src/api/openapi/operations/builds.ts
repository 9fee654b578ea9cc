import { z } from 'zod';
import { buildListSchema, buildSchema } from '../../../model/deployment-responses.ts';
import { buildListQuery, buildLogQuery } from '../../routes/builds.ts';
import { json, keyed, refusals } from '../answers.ts';
import type { Operation } from '../operation.ts';

const ofDeployment = '/api/harbor/deployments/:key/builds';
const alone = '/api/harbor/builds/:build';

const links = { getBuild: { build: '$response.body#/id' }, getBuildLog: { build: '$response.body#/id' } };
const build = { answers: { 200: json(buildSchema, 'The build.', links), ...refusals(...keyed, 404) } };
const log = {
  query: buildLogQuery,
  description: 'As text, as the builder wrote it. With `follow` the answer goes on until the build has ended.',
  answers: {
    200: { description: 'The log from `offset` on.', content: { 'text/plain': z.string() } },
    ...refusals(...keyed, 404),
  },
};

export const buildOperations: readonly Operation[] = [
  {
    id: 'listBuilds',
    method: 'get',
    path: ofDeployment,
    tag: 'builds',
    summary: 'List the builds of a deployment, newest first',
    query: buildListQuery,
    answers: {
      200: json(buildListSchema, 'One page.', { getBuild: { build: '$response.body#/builds/0/id' } }),
      ...refusals(...keyed, 404),
    },
  },
  {
    id: 'getBuildOfDeployment',
    method: 'get',
    path: `${ofDeployment}/:build`,
    tag: 'builds',
    summary: 'Get a build of a deployment',
    ...build,
  },
  {
    id: 'getBuildLogOfDeployment',
    method: 'get',
    path: `${ofDeployment}/:build/logs`,
    tag: 'builds',
    summary: 'Get the log of a build of a deployment',
    ...log,
  },
  { id: 'getBuild', method: 'get', path: alone, tag: 'builds', summary: 'Get a build by its id alone', ...build },
  {
    id: 'getBuildLog',
    method: 'get',
    path: `${alone}/logs`,
    tag: 'builds',
    summary: 'Get the log of a build by its id alone',
    ...log,
  },
];
