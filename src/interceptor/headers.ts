import type { IncomingHttpHeaders } from 'node:http';

/** Headers as they stand on the wire: name, value, name, value. Order, case and repetitions are kept. */
export type RawHeaders = readonly string[];

/** Meant for the next hop alone (RFC 9110 §7.6.1); each hop makes its own. */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * What the interceptor sets itself. The credentials are swapped, the body is sent whole, so it has a length. No encoding
 * is accepted, so that the record of an answer can be read even where it was cut off.
 */
const replaced = new Set(['host', 'authorization', 'x-api-key', 'content-length', 'expect', 'accept-encoding']);

/** A request's headers for the upstream, less those that the upstream's own connection sets. */
export function forwardedRequestHeaders(raw: RawHeaders): string[] {
  const own = connectionHeaders(raw);
  return filterHeaders(raw, (name) => !hopByHop.has(name) && !replaced.has(name) && !own.has(name));
}

/** An answer's headers for the client. */
export function forwardedResponseHeaders(raw: RawHeaders): string[] {
  const own = connectionHeaders(raw);
  return filterHeaders(raw, (name) => !hopByHop.has(name) && !own.has(name));
}

/** The token that a client sent, in either of the two places where agents put their key. */
export function readToken(headers: IncomingHttpHeaders): string | undefined {
  const bearer = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
  if (bearer) return bearer;
  const key = headers['x-api-key'];
  return typeof key === 'string' ? key.trim() : undefined;
}

/** The value of a header that occurs once. */
export function findHeader(raw: RawHeaders, wanted: string): string | null {
  for (let at = 0; at + 1 < raw.length; at += 2) {
    if (raw[at]?.toLowerCase() === wanted) return raw[at + 1] ?? null;
  }
  return null;
}

/** Names that `Connection` declares to be for this hop alone. */
function connectionHeaders(raw: RawHeaders): Set<string> {
  return new Set(
    findHeader(raw, 'connection')
      ?.split(',')
      .map((name) => name.trim().toLowerCase()),
  );
}

function filterHeaders(raw: RawHeaders, keep: (name: string) => boolean): string[] {
  const kept: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const [name, value] = [raw[at], raw[at + 1]];
    if (name !== undefined && value !== undefined && keep(name.toLowerCase())) kept.push(name, value);
  }
  return kept;
}
