import { z } from 'zod';
import { jsonSchema } from '../../../model/json.ts';
import { livenessSchema, readinessSchema, serviceSchema } from '../../../model/service-responses.ts';
import { json } from '../answers.ts';
import type { Operation } from '../operation.ts';

export const serviceOperations: readonly Operation[] = [
  {
    id: 'getService',
    method: 'get',
    path: '/',
    tag: 'service',
    summary: 'Say what this is and where things are',
    answers: { 200: json(serviceSchema, 'A Harbor server.') },
  },
  {
    id: 'getLiveness',
    method: 'get',
    path: '/healthz',
    tag: 'service',
    summary: 'Say whether the process lives',
    answers: { 200: json(livenessSchema, 'It does.') },
  },
  {
    id: 'getReadiness',
    method: 'get',
    path: '/readyz',
    tag: 'service',
    summary: 'Say whether the parts that it needs answer',
    description: 'Asks each part and waits three seconds at most.',
    answers: {
      200: json(readinessSchema, 'All of them do.'),
      503: json(readinessSchema, 'At least one does not, and its field says why; or the process is about to end.'),
    },
  },
  {
    id: 'getDescription',
    method: 'get',
    path: '/openapi.json',
    tag: 'service',
    summary: 'Get this description of the API',
    answers: { 200: json(jsonSchema, 'An OpenAPI 3.1 document.') },
  },
  {
    id: 'getDocsPage',
    method: 'get',
    path: '/docs',
    tag: 'service',
    summary: 'Get a page to read this description and to try it',
    answers: { 200: { description: 'A page; its parts lie below `/docs/`.', content: { 'text/html': z.string() } } },
  },
];
