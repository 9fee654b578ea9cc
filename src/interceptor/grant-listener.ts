import type { RequestListener } from 'node:http';
import { HarborError } from '../model/errors.ts';
import type { GrantStore } from '../store/grants.ts';
import { attemptOfPath } from './attempt-path.ts';
import { readToken } from './headers.ts';
import { sendJson } from './refusals.ts';
import { adminToken, sameText } from './tokens.ts';

export interface GrantListenerOptions {
  readonly interceptor: string;
  readonly grants: GrantStore;
  readonly installationSecret: string;
  readonly onError: (error: HarborError) => void;
}

/** Where the process that streams asks for a grant that it does not know: `GET /grants/<rollout>/<attempt>`. */
export function grantListener(options: GrantListenerOptions): RequestListener {
  const { interceptor, grants, installationSecret, onError } = options;
  return (request, response) => {
    if (!sameText(readToken(request.headers) ?? '', adminToken(installationSecret))) {
      return sendJson(response, 401, { detail: 'This is not the admin key of this installation.' });
    }
    const attempt = request.method === 'GET' ? attemptOfPath(request.url ?? '') : undefined;
    if (!attempt) return sendJson(response, 404, { detail: `There is no ${request.method} ${request.url} here.` });
    grants.lease(interceptor, attempt).then(
      (grant) => sendJson(response, 200, { grant: grant ?? null }),
      (cause: unknown) => {
        onError(new HarborError('internal', 'a grant cannot be looked up', { cause }));
        sendJson(response, 503, { detail: 'The grant cannot be looked up at the moment.' });
      },
    );
  };
}
