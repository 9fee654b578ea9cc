import type { IncomingMessage, RequestListener } from 'node:http';
import { sliceRequestSchema } from '../model/budget-slice.ts';
import { HarborError } from '../model/errors.ts';
import { parseJson } from '../model/json.ts';
import type { BudgetStore } from '../store/budgets.ts';
import type { GrantStore } from '../store/grants.ts';
import { attemptOfPath } from './attempt-path.ts';
import { readToken } from './headers.ts';
import { sendJson } from './refusals.ts';
import { readBody } from './request-body.ts';
import { adminToken, sameText } from './tokens.ts';

export interface GrantListenerOptions {
  readonly interceptor: string;
  readonly grants: GrantStore;
  readonly budgets: BudgetStore;
  readonly installationSecret: string;
  readonly onError: (error: HarborError) => void;
}

/**
 * Where the process that streams asks for what only the store knows: `GET /grants/<rollout>/<attempt>` for a grant,
 * `POST /budgets` for slices of budgets.
 */
export function grantListener(options: GrantListenerOptions): RequestListener {
  const { interceptor, grants, installationSecret, onError } = options;
  return (request, response) => {
    if (!sameText(readToken(request.headers) ?? '', adminToken(installationSecret))) {
      return sendJson(response, 401, { detail: 'This is not the admin key of this installation.' });
    }
    const attempt = request.method === 'GET' ? attemptOfPath(request.url ?? '') : undefined;
    const asksForSlices = request.method === 'POST' && request.url === '/budgets';
    const answer = attempt
      ? grants.lease(interceptor, attempt).then((grant) => ({ grant: grant ?? null }))
      : asksForSlices && dealSlices(options, request);
    if (!answer) return sendJson(response, 404, { detail: `There is no ${request.method} ${request.url} here.` });
    answer.then(
      (body) => sendJson(response, 200, body),
      (cause: unknown) => {
        const what = attempt ? 'a grant cannot be looked up' : 'slices of budgets cannot be had';
        onError(new HarborError('internal', what, { cause }));
        sendJson(response, 503, { detail: `At the moment ${what}.` });
      },
    );
  };
}

async function dealSlices({ interceptor, budgets }: GrantListenerOptions, request: IncomingMessage) {
  const body = await readBody(request);
  if (!Buffer.isBuffer(body)) throw new Error('the question did not arrive whole');
  return budgets.deal(interceptor, parseJson(body.toString('utf8'), sliceRequestSchema, 'slices'));
}
