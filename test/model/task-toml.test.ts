import { describe, expect, test } from 'vitest';
import { parseTaskToml } from '../../src/model/task-toml.ts';

const parse = (text: string, hasDockerfile = true) => parseTaskToml(text, 'task.toml', hasDockerfile);

describe('a task.toml', () => {
  test('says nothing: the defaults of the format', () => {
    expect(parse('')).toEqual({
      settings: {
        format: 'task.toml',
        processes: 'keep',
        testsTimeoutSeconds: 600,
        testsEnv: {},
        sandboxEnv: {},
        artifacts: ['/logs/artifacts'],
      },
      limits: {},
      warnings: [],
    });
  });

  test('says all that it can', () => {
    const text = `
      schema_version = "1.4"
      source = "somewhere"
      [task]
      name = "org/task"
      [metadata]
      anything = { goes = [1979-05-27] }
      [agent]
      timeout_sec = 900.5
      user = 1000
      network_mode = "no-network"
      [verifier]
      timeout_sec = 120
      user = "nobody"
      env = { MODE = "strict", LEVEL = "\${LEVEL:-3}", EMPTY = "\${X:-}", TEXT = "costs \${5}" }
      network_mode = "no-network"
      processes = "kill"
      [environment]
      cpus = 2.0
      memory_mb = 4096
      storage_mb = 20480
      env = { A = "b" }
      workdir = "/work"
      network_mode = "public"
      [solution]
      env = { ANYTHING = "\${HERE}" }
    `;
    expect(parse(text)).toEqual({
      settings: {
        format: 'task.toml',
        processes: 'kill',
        agentUser: '1000',
        agentTimeoutSeconds: 900.5,
        agentEgress: 'interceptor-only',
        testsUser: 'nobody',
        testsTimeoutSeconds: 120,
        testsEnv: { MODE: 'strict', LEVEL: '3', EMPTY: '', TEXT: 'costs ${5}' },
        testsEgress: 'none',
        sandboxEnv: { A: 'b' },
        workdir: '/work',
        artifacts: ['/logs/artifacts'],
      },
      limits: { cpuCores: 2, memoryMb: 4096, diskMb: 20_480 },
      warnings: [],
    });
  });

  test.each([
    ['[environment]\nnetwork_mode = "public"', 'open', 'open'],
    ['[environment]\nnetwork_mode = "no-network"', 'interceptor-only', 'none'],
    ['[environment]\nallow_internet = false', 'interceptor-only', 'none'],
    ['[environment]\nallow_internet = true', 'open', 'open'],
    ['[environment]\nnetwork_mode = "no-network"\n[verifier]\nnetwork_mode = "public"', 'interceptor-only', 'open'],
    ['[environment]\nallow_internet = false\nnetwork_mode = "public"', 'open', 'open'],
    ['[agent]\nnetwork_mode = "no-network"', 'interceptor-only', undefined],
  ])('%j: the agent has %s, the tests %s', (text, agent, tests) => {
    const { settings } = parse(text);
    expect([settings.agentEgress, settings.testsEgress]).toEqual([agent, tests]);
  });

  test.each([
    ['"2G"', 2048],
    ['"1.5g"', 1536],
    ['"512M"', 512],
    ['"1048576K"', 1024],
  ])('takes memory = %s in the old form', (size, memoryMb) => {
    expect(parse(`[environment]\nmemory = ${size}\nstorage = "10G"`).limits).toEqual({ memoryMb, diskMb: 10_240 });
  });

  test.each([
    ['future = 1', 'task.toml: future '],
    ['[agent]\nmood = "good"', 'task.toml: agent.mood '],
    ['[environment]\nbuild_timeout_sec = 600', 'task.toml: environment.build_timeout_sec '],
    ['[environment]\ndocker_image = "x"', 'task.toml: environment.docker_image '],
  ])('is warned of %j', (text, warning) => {
    expect(parse(text).warnings).toEqual([expect.stringContaining(warning)]);
  });

  test('names paths to keep, in both of the forms', () => {
    const text = 'artifacts = ["/x", {source = "out", destination = "elsewhere"}]';
    expect(parse(text).settings.artifacts).toEqual(['/x', 'out', '/logs/artifacts']);
  });

  test('may switch off what is not supported', () => {
    const text = `
      steps = []
      [verifier]
      environment_mode = "shared"
      collect = []
      [environment]
      os = "linux"
      gpus = 0
      mcp_servers = []
    `;
    expect(parse(text).warnings).toEqual([]);
  });
});

describe('a task.toml is refused, naming the key, with', () => {
  test.each([
    ['[[steps]]\nname = "one"', 'steps'],
    ['[verifier]\nenvironment_mode = "separate"', 'verifier.environment_mode'],
    ['[verifier.environment]\ncpus = 1', 'verifier.environment'],
    ['[[verifier.collect]]\ncommand = "x"', 'verifier.collect'],
    ['[environment]\nos = "Windows"', 'environment.os'],
    ['[environment]\ngpus = 1', 'environment.gpus'],
    ['[environment.tpu]\ntype = "v4"', 'environment.tpu'],
    ['[[environment.mcp_servers]]\nname = "x"', 'environment.mcp_servers'],
    ['[environment.healthcheck]\ncommand = "x"', 'environment.healthcheck'],
    ['[environment]\nskills_dir = "/skills"', 'environment.skills_dir'],
    ['[environment]\nnetwork_mode = "allowlist"', 'environment.network_mode'],
    ['[environment]\nallowed_hosts = ["a"]', 'environment.allowed_hosts'],
    ['[agent]\nnetwork_mode = "allowlist"', 'agent.network_mode'],
    ['[verifier]\nallowed_hosts = ["a"]', 'verifier.allowed_hosts'],
    ['[environment]\nnetwork_mode = "some"', 'environment.network_mode'],
    ['[environment]\ncpus = 0.5', 'environment.cpus'],
    ['[environment]\ncpus = 64', 'environment.cpus'],
    ['[environment]\nmemory_mb = 100', 'environment.memory_mb'],
    ['[environment]\nmemory = "much"', 'environment.memory'],
    ['[environment]\nmemory = "1T"', 'environment.memory'],
    ['[environment]\nstorage_mb = "10G"', 'environment.storage_mb'],
    ['[environment]\nworkdir = "app"', 'environment.workdir'],
    ['[environment]\nenv = { A = 1 }', 'environment.env.A'],
    ['[environment]\nenv = { "A B" = "" }', 'environment.env.A B'],
    ['[environment]\nenv = { A = "${HOME}" }', 'environment.env.A'],
    ['[verifier]\nenv = { OPENAI_API_KEY = "x" }', 'verifier.env.OPENAI_API_KEY'],
    ['[verifier]\ntimeout_sec = 0', 'verifier.timeout_sec'],
    ['[verifier]\nprocesses = "pause"', 'verifier.processes'],
    ['[agent]\ntimeout_sec = 7200', 'agent.timeout_sec'],
    ['[agent]\nuser = "a b"', 'agent.user'],
    ['agent = "codex"', 'agent'],
  ])('%j', (text, key) => {
    expect(() => parse(text)).toThrow(
      expect.objectContaining({ failureClass: 'invalid_request', field: `task.toml: ${key}` }),
    );
  });

  test('an image in the place of a Dockerfile', () => {
    expect(() => parse('[environment]\ndocker_image = "x"', false)).toThrow(
      expect.objectContaining({ field: 'task.toml: environment.docker_image' }),
    );
  });

  test('a reference to the environment of the server, naming the variable', () => {
    expect(() => parse('[verifier]\nenv = { A = "${TOKEN}" }')).toThrow('TOKEN');
  });

  test('what is no TOML, naming the line', () => {
    expect(() => parse('[agent]\ntimeout_sec =')).toThrow('task.toml: line 2: is not valid TOML');
  });
});
