import type { Operation } from './operation.ts';
import { operations } from './operations/index.ts';

/** The operation that a request is for; undefined: there is none. */
export function operationOf(method: string, path: string): Operation | undefined {
  const wanted = method === 'HEAD' ? 'get' : method.toLowerCase();
  return operations.find((operation) => operation.method === wanted && matches(operation.path, path));
}

/** Methods that a path has, as a header tells them; none: there is no such path. */
export function methodsOf(path: string): readonly string[] {
  const methods = operations.filter((operation) => matches(operation.path, path)).map(({ method }) => method);
  return [...new Set(methods)].flatMap((method) => (method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()]));
}

/** As express matches: letter case and a slash at the end mean nothing. */
function matches(pattern: string, path: string): boolean {
  const parts = path.replace(/(?<=.)\/$/, '').split('/');
  const wanted = pattern.split('/');
  const isOpenEnded = wanted.at(-1)?.startsWith('*') ?? false;
  if (isOpenEnded ? parts.length < wanted.length : parts.length !== wanted.length) return false;
  return wanted.every((part, index) => {
    const given = parts[index] ?? '';
    return /^[:*]/.test(part) ? given !== '' : part.toLowerCase() === given.toLowerCase();
  });
}
