import type { Request, RequestHandler, Response } from 'express';
import type { ApiKeyStore } from '../store/api-keys.ts';
import { ProblemError } from './problems.ts';

/** Seconds for which a key that was good is not looked up again. A revoked one works no longer than that. */
const trustedSeconds = 10;
const rememberedKeys = 1000;

const slot = 'organization';

/** Lets through who shows a valid key, as `Authorization: Bearer` or `x-api-key`. */
export function authenticate(keys: ApiKeyStore): RequestHandler {
  const known = new Map<string, { readonly organization: string; readonly until: number }>();

  async function ownerOf(key: string): Promise<string | undefined> {
    const hit = known.get(key);
    if (hit && hit.until > Date.now()) return hit.organization;
    const organization = await keys.organizationOf(key);
    known.delete(key);
    if (organization === undefined) return undefined;
    if (known.size >= rememberedKeys) known.clear();
    known.set(key, { organization, until: Date.now() + trustedSeconds * 1000 });
    return organization;
  }

  return async (request, response, next) => {
    const key = keyOf(request);
    const organization = key === undefined ? undefined : await ownerOf(key);
    if (organization === undefined) {
      throw new ProblemError(
        401,
        {
          detail: key === undefined ? 'No API key was sent' : 'This API key is not valid',
          code: 'unauthorized',
          remedy: 'Send `Authorization: Bearer <key>`; `harbor up` prints the file that holds the key.',
        },
        { 'www-authenticate': 'Bearer' },
      );
    }
    response.locals[slot] = organization;
    next();
  };
}

/** Whose request it is, behind {@link authenticate}. */
export function organizationOf(response: Response): string {
  const organization: unknown = response.locals[slot];
  if (typeof organization !== 'string') throw new Error('the route is not behind authentication');
  return organization;
}

function keyOf(request: Request): string | undefined {
  const [, bearer] = /^Bearer +(\S+) *$/i.exec(request.get('authorization') ?? '') ?? [];
  return bearer ?? request.get('x-api-key') ?? undefined;
}
