import type { SandboxFile } from '../sandboxes/provider.ts';

/**
 * OpenCode keeps its state where XDG's variables say, and has no other setting for it; it also has npm install its plugin
 * library into every configuration folder that it finds, the working directory's too. So it gets variables of its own,
 * and its commands, which it runs in `$SHELL`, get back those that were there before.
 */
const own = (home: string): Readonly<Record<string, string>> => ({
  XDG_DATA_HOME: `${home}/data`,
  XDG_CONFIG_HOME: `${home}/config`,
  XDG_STATE_HOME: `${home}/state`,
  XDG_CACHE_HOME: `${home}/cache`,
  npm_config_cache: `${home}/npm`,
  // The library is nothing that a run needs.
  npm_config_offline: 'true',
});

export function opencodeLauncher(home: string): { readonly argv: readonly string[]; readonly files: SandboxFile[] } {
  const variables = own(home);
  const names = [...Object.keys(variables), 'SHELL'].join(' ');
  const shell = (name: string) => ({ path: `${home}/shell/${name}`, content: shellScript(names, name), mode: 0o755 });
  const set = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  return {
    argv: ['sh', '-c', launch(names, home), 'sh', 'env', ...set],
    files: [shell('bash'), shell('sh')],
  };
}

/** Remembers the variables as they are and starts its arguments. By its name OpenCode tells what a shell understands. */
const launch = (names: string, home: string): string => `
for h_name in ${names}; do
  eval h_was=\\$$h_name
  [ -z "$h_was" ] || export "HARBOR_WAS_$h_name=$h_was"
done
SHELL=${home}/shell/sh
command -v bash > /dev/null && SHELL=${home}/shell/bash
export SHELL
exec "$@"`;

/** A shell for commands: the image's own, with the variables as they were. */
const shellScript = (names: string, shell: string): string => `#!/bin/sh
for h_name in ${names}; do
  eval h_was=\\$HARBOR_WAS_$h_name
  if [ -n "$h_was" ]; then export "$h_name=$h_was"; else unset "$h_name"; fi
  unset "HARBOR_WAS_$h_name"
done
unset OPENCODE_CONFIG_CONTENT
exec ${shell} "$@"
`;
