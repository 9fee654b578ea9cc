import type { AgentRun } from './agent.ts';

/**
 * The environment that configures OpenCode: as the last word over whatever an image or a working directory holds. Everything
 * that would talk to a host other than the interceptor is off.
 */
export function opencodeConfiguration({ interceptorUrl, model, token }: AgentRun): Record<string, string> {
  const { name = '', provider = 'openai' } = model ?? {};
  const full = `${provider}/${name}`;
  const configuration = {
    provider: {
      [provider]: {
        options: { baseURL: `${interceptorUrl}/v1`, apiKey: `{env:${keyVariable}}` },
        // Models that its list lacks are refused before any request; what it knows of one is not changed by this.
        models: { [name]: {} },
      },
    },
    enabled_providers: [provider],
    model: full,
    // Else small jobs go to a model of its own choice.
    small_model: full,
    permission: 'allow',
    autoupdate: false,
    share: 'disabled',
    // Its own history of the working directory, for people who want to go back.
    snapshot: false,
  };
  return {
    [keyVariable]: token,
    OPENCODE_CONFIG_CONTENT: JSON.stringify(configuration),
    OPENCODE_DISABLE_MODELS_FETCH: '1',
    OPENCODE_DISABLE_AUTOUPDATE: '1',
    OPENCODE_DISABLE_DEFAULT_PLUGINS: '1',
    OPENCODE_DISABLE_LSP_DOWNLOAD: '1',
  };
}

const keyVariable = 'HARBOR_INTERCEPTOR_KEY';
