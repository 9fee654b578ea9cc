import { type ClientConnectConfig, loadClientConnectConfig } from '@temporalio/envconfig';
import { readSecret } from '../config.ts';
import { errorText, invalid } from '../model/errors.ts';

export interface TemporalSettings extends ClientConnectConfig {
  readonly namespace: string;
}

/**
 * What all of Temporal's programs read: TEMPORAL_ADDRESS, _NAMESPACE, _API_KEY, _TLS…, and where TEMPORAL_CONFIG_FILE or
 * TEMPORAL_PROFILE is set, the profile of that file. Throws `invalid_request` that names the variable.
 */
export function temporalSettings(env: NodeJS.ProcessEnv): TemporalSettings {
  const apiKey = readSecret(env, 'TEMPORAL_API_KEY');
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) if (name.startsWith('TEMPORAL_') && value) variables[name] = value;
  if (apiKey) variables['TEMPORAL_API_KEY'] = apiKey;
  const named = variables['TEMPORAL_CONFIG_FILE'] ?? variables['TEMPORAL_PROFILE'];
  if (!variables['TEMPORAL_ADDRESS'] && !named) {
    throw invalid('TEMPORAL_ADDRESS', 'is not set', '`harbor up` needs none.');
  }
  for (const [one, other] of [
    ['TEMPORAL_TLS_CLIENT_CERT_PATH', 'TEMPORAL_TLS_CLIENT_KEY_PATH'],
    ['TEMPORAL_TLS_CLIENT_KEY_PATH', 'TEMPORAL_TLS_CLIENT_CERT_PATH'],
  ] as const) {
    if (variables[one] && !variables[other]) throw invalid(other, `is not set, and ${one} is`, 'Set both, or neither.');
  }
  if (apiKey && variables['TEMPORAL_TLS'] === 'false') {
    throw invalid(
      'TEMPORAL_TLS',
      'is false, and an API key would go over the network as it is',
      'Unset one of the two.',
    );
  }
  try {
    const { connectionOptions, namespace } = loadClientConnectConfig({
      overrideEnvVars: variables,
      disableFile: !named,
    });
    return { connectionOptions, namespace: namespace ?? 'default' };
  } catch (error) {
    throw invalid('TEMPORAL_*', `cannot be used: ${errorText(error)}`, 'See docs/operations.md.');
  }
}
