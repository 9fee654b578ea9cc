import { HarborError } from '../model/errors.ts';

export interface InterceptorOptions {
  /** Its own data folder; made if it is not there. */
  readonly directory: string;
  /** Where sandboxes reach it. 0: any free one. */
  readonly publicPort: number;
  /** Addresses to listen on. One that this machine does not have yet is tried again until it appears. */
  readonly publicHosts: readonly string[];
  /** On loopback, for the workers of this machine. 0: any free one. */
  readonly adminPort: number;
  /** Hex. Signs tokens. */
  readonly installationSecret: string;
  /** Who has the grants, where they are not pushed: `http://127.0.0.1:port`. It has to renew the lease as well. */
  readonly supervisorUrl?: string;
  /** Whether other interceptors of this machine listen on the same port. Default: no. */
  readonly sharesPort?: boolean;
  /** Neither: the scripted model answers. */
  readonly upstreams: UpstreamSettings;
  /** Faults of its own that belong into a log. */
  readonly onError: (error: HarborError) => void;
}

export interface UpstreamSettings {
  readonly openai?: ProviderSettings;
  readonly anthropic?: ProviderSettings;
}

export interface ProviderSettings {
  /** Without a slash at its end. */
  readonly baseUrl: string;
  readonly apiKey: string;
}

/**
 * The real upstreams, from the variables that the providers' own SDKs read. A provider without a key is left out. Throws
 * `invalid_request` where an address is none.
 */
export function readUpstreams(env: NodeJS.ProcessEnv): UpstreamSettings {
  const openai = readProvider(env, 'OPENAI', 'https://api.openai.com/v1');
  const anthropic = readProvider(env, 'ANTHROPIC', 'https://api.anthropic.com');
  // Anthropic's SDK takes the address without `/v1`, others take the same variable with it.
  const root = anthropic && { ...anthropic, baseUrl: anthropic.baseUrl.replace(/\/v1$/, '') };
  return { ...(openai && { openai }), ...(root && { anthropic: root }) };
}

function readProvider(env: NodeJS.ProcessEnv, prefix: string, usual: string): ProviderSettings | undefined {
  const apiKey = env[`${prefix}_API_KEY`]?.trim();
  if (!apiKey) return undefined;
  const variable = `${prefix}_BASE_URL`;
  const baseUrl = (env[variable]?.trim() || usual).replace(/\/+$/, '');
  if (!/^https?:$/.test(URL.parse(baseUrl)?.protocol ?? '')) {
    throw new HarborError('invalid_request', `${variable}: is no http or https address`, {
      field: variable,
      remedy: `Set it to an address like ${usual}, or unset it.`,
    });
  }
  return { apiKey, baseUrl };
}
