import type { RequestHandler } from 'express';
import { methodsOf } from './openapi/routing.ts';
import { notFound, ProblemError } from './problems.ts';

/** Answers what no route has taken: the path is none, or not for this method. */
export const unknownRoute: RequestHandler = ({ method, path }) => {
  const methods = methodsOf(path);
  if (methods.length === 0) throw notFound(`${method} ${path}`);
  const allowed = methods.join(', ');
  throw new ProblemError(
    405,
    { detail: `${path} is not there for ${method}, but for ${allowed}`, code: 'method_not_allowed' },
    { allow: allowed },
  );
};
