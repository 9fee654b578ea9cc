/**
 * Whether an error says that a part which has to be there is away for the moment: the database, the engine, Temporal. Nothing
 * is wrong with what was asked, so it is asked again, without counting against anybody.
 */
export function isOutage(error: unknown): boolean {
  return saysOutage(error, maxDepth);
}

function saysOutage(error: unknown, depth: number): boolean {
  if (!(error instanceof Error) || depth === 0) return false;
  if ('code' in error && typeof error.code === 'string' && isOutageCode(error.code)) return true;
  // A socket file is gone while its server is; any other file that is missing is another matter.
  if ('code' in error && error.code === 'ENOENT' && 'syscall' in error && error.syscall === 'connect') return true;
  if (messages.some((message) => message.test(error.message))) return true;
  if (error instanceof AggregateError && error.errors.some((part) => saysOutage(part, depth - 1))) return true;
  return saysOutage(error.cause, depth - 1);
}

/** Causes that are looked into; errors may be their own. */
const maxDepth = 8;

/** What the system says of a connection that cannot be made, or that is cut. */
export const socketCodes = [
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
] as const;

/**
 * Of sockets; and SQLSTATEs: connection exceptions (08), an administrator's shutdown, a crash, a server that is only just
 * starting, too many connections.
 */
const codes = new Set<string>([...socketCodes, '57P01', '57P02', '57P03', '53300']);

function isOutageCode(code: string): boolean {
  return codes.has(code) || /^08[0-9A-Z]{3}$/.test(code);
}

/** What node-postgres 8 says without a code: connections that ended, and waits for one that took too long. */
const messages = [
  /^Connection terminated/,
  /^timeout exceeded when trying to connect$/,
  /^Client has encountered a connection error and is not queryable$/,
];
