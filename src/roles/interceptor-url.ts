import { isIPv4 } from 'node:net';
import { invalid } from '../model/errors.ts';

/**
 * `HARBOR_INTERCEPTOR_URL`: where sandboxes reach the `harbor interceptor`s that are behind a load balancer or on another
 * machine. Undefined: on the gateways of their networks.
 */
export function roleInterceptorUrl(env: NodeJS.ProcessEnv): string | undefined {
  const name = 'HARBOR_INTERCEPTOR_URL';
  const text = env[name]?.trim();
  if (!text) return undefined;
  const example = 'Give it as http://10.0.0.5:8788 or https://interceptors.example.com.';
  const url = URL.parse(text);
  const isOrigin = url?.origin === url?.href.replace(/\/$/, '') && !/[?#@]/.test(text);
  if (!url || !['http:', 'https:'].includes(url.protocol) || !isOrigin) {
    throw invalid(name, 'must be http:// or https://, a host and perhaps a port, and no more', example);
  }
  if (url.hostname.startsWith('['))
    throw invalid(name, 'must not be an IPv6 address: sandboxes have IPv4 alone', example);
  if (/^(127\..*|0\.0\.0\.0|localhost)$/.test(url.hostname)) {
    throw invalid(name, 'must not be a loopback address: sandboxes have one of their own', example);
  }
  if (url.protocol === 'https:' && isIPv4(url.hostname)) {
    throw invalid(name, 'must name its host for https: certificates are for names', example);
  }
  return url.origin;
}
