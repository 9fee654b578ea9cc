import type { Provider } from './dialects/dialect.ts';
import { httpUpstream } from './http-upstream.ts';
import type { UpstreamSettings } from './options.ts';
import { scriptedUpstream } from './scripted/upstream.ts';
import type { Upstream } from './upstream.ts';

export interface Upstreams {
  /** `scripted`: no real provider is configured. */
  readonly mode: 'live' | 'scripted';
  /** Undefined where the provider has no key while another has. */
  of(provider: Provider): Upstream | undefined;
  close(): void;
}

/** With no key at all the scripted model stands in for every provider; never beside a real one, whose answers it would fake. */
export function createUpstreams(settings: UpstreamSettings): Upstreams {
  const scripted = settings.openai || settings.anthropic ? undefined : scriptedUpstream();
  const openai = settings.openai && httpUpstream('openai', settings.openai);
  const anthropic = settings.anthropic && httpUpstream('anthropic', settings.anthropic);
  return {
    mode: scripted ? 'scripted' : 'live',
    of: (provider) => scripted ?? (provider === 'openai' ? openai : anthropic),
    close() {
      for (const upstream of [openai, anthropic]) upstream?.close();
    },
  };
}
