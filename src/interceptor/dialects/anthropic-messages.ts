import type { DialectSpec } from './dialect.ts';

/**
 * Anthropic's Messages API. https://docs.anthropic.com/en/api/messages. It is refused for now, in its own words: it has no
 * reader yet. Its clients take a base address without `/v1`.
 */
export const anthropicMessages: DialectSpec = {
  name: 'anthropic-messages',
  provider: 'anthropic',
  routes: [
    { ending: '/messages', upstreamPath: '/v1/messages' },
    { ending: '/messages/count_tokens', upstreamPath: '/v1/messages/count_tokens' },
  ],
  errorBody: ({ status, message }) => ({ type: 'error', error: { type: errorType(status), message } }),
};

/** https://docs.anthropic.com/en/api/errors */
function errorType(status: number): string {
  if (status === 401) return 'authentication_error';
  if (status === 413) return 'request_too_large';
  return status >= 500 ? 'api_error' : 'invalid_request_error';
}
