/** Keys of a task.toml and what becomes of them. Tables `agent`, `verifier` and `environment` by their inner keys. */

export const supported: ReadonlySet<string> = new Set([
  'artifacts',
  'agent.timeout_sec',
  'agent.user',
  'agent.network_mode',
  'verifier.timeout_sec',
  'verifier.user',
  'verifier.env',
  'verifier.network_mode',
  'verifier.processes',
  'environment.cpus',
  'environment.memory_mb',
  'environment.memory',
  'environment.storage_mb',
  'environment.storage',
  'environment.env',
  'environment.workdir',
  'environment.network_mode',
  'environment.allow_internet',
]);

/** Say nothing about how a task is run here. */
export const ignored: ReadonlySet<string> = new Set([
  'schema_version',
  'version',
  'source',
  'task',
  'metadata',
  'solution',
  'multi_step_reward_strategy',
  'environment.gpu_types',
]);

/** Ask for something that is done in another way, or not at all, without changing the task; how a warning goes on. */
export const noted: ReadonlyMap<string, string> = new Map([
  ['environment.build_timeout_sec', 'changes nothing: the server sets the time for builds'],
  ['environment.docker_image', 'changes nothing: the Dockerfile is built'],
]);

interface Refusal {
  readonly when: (value: unknown, hasDockerfile: boolean) => boolean;
  readonly why: string;
  readonly remedy?: string;
}

const isSet = (value: unknown): boolean =>
  Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false && value !== 0 && value !== '';

const is = (word: string) => (value: unknown) => typeof value === 'string' && value.toLowerCase() === word;

const notYet = (what: string): Refusal => ({ when: isSet, why: `${what} not supported yet` });

const allowlist: Refusal = {
  when: is('allowlist'),
  why: 'a list of allowed hosts is not supported',
  remedy: 'Use "public", or "no-network", which leaves the agent its LLM.',
};
const allowedHosts: Refusal = { ...allowlist, when: isSet };

const separateVerifier: Refusal = {
  when: isSet,
  why: 'a verifier with an environment of its own is not supported yet',
  remedy: 'Let the tests run in the sandbox of the agent: environment_mode = "shared".',
};

/** A task that needs one of these would not be itself without it. */
export const refused: ReadonlyMap<string, Refusal> = new Map([
  ['steps', notYet('tasks in several steps are')],
  ['agent.network_mode', allowlist],
  ['agent.allowed_hosts', allowedHosts],
  ['verifier.network_mode', allowlist],
  ['verifier.allowed_hosts', allowedHosts],
  ['verifier.environment_mode', { ...separateVerifier, when: is('separate') }],
  ['verifier.environment', separateVerifier],
  ['verifier.collect', notYet('commands between agent and tests are')],
  ['environment.network_mode', allowlist],
  ['environment.allowed_hosts', allowedHosts],
  [
    'environment.docker_image',
    {
      when: (value, hasDockerfile) => isSet(value) && !hasDockerfile,
      why: 'an image without a Dockerfile is not supported',
      remedy: 'Put a Dockerfile beside it whose FROM names that image.',
    },
  ],
  ['environment.os', { when: is('windows'), why: 'only Linux can be run' }],
  ['environment.gpus', notYet('GPUs are')],
  ['environment.tpu', notYet('TPUs are')],
  ['environment.mcp_servers', notYet('MCP servers are')],
  ['environment.healthcheck', notYet('a health check before the agent is')],
  ['environment.skills_dir', notYet('a folder of skills is')],
]);
