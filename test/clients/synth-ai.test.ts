import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { jsonObjectSchema, parseJson } from '../../src/model/json.ts';
import { deploymentStatusSchema } from '../../src/model/deployment-responses.ts';
import { rolloutSchema } from '../../src/model/responses.ts';
import { start } from '../support/running.ts';
import { useSynthAi } from './support/synth-ai.ts';

const { server, harbor, sdk } = useSynthAi();

/** The tests of the command line go on with what the ones before have made, as a person would. */
describe('the command line of the existing client', () => {
  test('uploads, and waits until it is built', async () => {
    const { code, out } = await harbor('upload', '--name', 'theirs', '-d', './Dockerfile', '-c', '.', '--wait');
    expect(out).toMatch(
      /Upload successful!\n {2}Deployment ID: \S+\n {2}Build ID: [0-9a-f-]+\n {2}Status: ready\n {2}Snapshot ID: \S+\n/,
    );
    expect(code).toBe(0);
  });

  test('uploads without waiting, and waits later', async () => {
    expect((await harbor('upload', '-n', 'later')).out).toMatch(/synth harbor status \S+ --wait/);
    const { code, out } = await harbor('status', 'later', '--wait');
    expect(out).toContain('Deployment ready!');
    expect(code).toBe(0);
  });

  test('says why an upload is refused', async () => {
    expect(await harbor('upload', '--name', 'theirs')).toMatchObject({
      code: 1,
      err: expect.stringContaining('Harbor API error (409): A deployment named theirs exists'),
    });
    expect(await harbor('upload', '--name', 'large', '--cpu', '99')).toMatchObject({
      code: 1,
      err: expect.stringContaining('limits.cpu_cores: must be at most 8 cores'),
    });
  });

  test('says why a build fails', async () => {
    const { code, err } = await harbor('upload', '--name', 'broken', '-d', 'Broken', '--wait');
    expect(err).toMatch(/Upload failed: Harbor API error \(500\): Build failed: .*exit code: 7/);
    expect(code).toBe(1);
  });

  test('shows the status, for people and as JSON', async () => {
    expect((await harbor('status', 'theirs')).out).toMatch(
      /Deployment: theirs\n {2}ID: \S+\n {2}Status: ready\n {2}Snapshot: \S+\n\n {2}Recent builds \(1\):\n {4}- [0-9a-f]{8}: completed\n/,
    );
    const { out } = await harbor('status', 'theirs', '--json');
    expect(parseJson(out, deploymentStatusSchema)).toMatchObject({ name: 'theirs', status: 'ready' });
  });

  test('tells a deployment that is missing from everything else', async () => {
    expect((await harbor('status', 'nowhere')).err).toBe('Error: Deployment not found: nowhere\n');
    expect((await harbor('build', 'nowhere')).err).toBe('Error: Deployment not found: nowhere\n');
  });

  test('lists', async () => {
    expect((await harbor('list')).out).toMatch(
      /Found 3 deployment\(s\):\n[^]* {2}theirs\n {4}ID: \S+\n {4}Status: ready/,
    );
    const { out } = await harbor('list', '--json', '-s', 'ready', '-l', '1');
    expect(parseJson(out, z.array(jsonObjectSchema))).toMatchObject([{ name: 'later', status: 'ready' }]);
  });

  test('builds what is stored, and waits', async () => {
    const { code, out } = await harbor('build', 'theirs', '--wait');
    expect(out).toMatch(/Build triggered!\n {2}Build ID: [0-9a-f-]+\n[^]*Build complete!\n {2}Status: ready\n/);
    expect(code).toBe(0);
  });

  test('creates, builds and lists instances', async () => {
    const created = await harbor('instances', 'create', 'theirs', '--count', '25', '--start-seed', '3');
    expect(created.out).toMatch(
      /Instances created!\n {2}Total: 25\n {2}Ready: 25\n {2}Building: 0\n {2}Failed: 0\n[^]*Build complete!\n {2}Ready: 25\n/,
    );
    expect((await harbor('instances', 'build', 'theirs')).out).toContain('Total instances: 25\n  Ready: 25\n');
    const { code, out } = await harbor('instances', 'list', 'theirs', '--status', 'ready');
    expect(out).toMatch(/Total: 25\n[^]* {2}Seed {4}3: ready\n[^]*\.\.\. and 5 more\n/);
    expect(code).toBe(0);
  });

  test('runs rollouts, and shows the reason of one that failed', async () => {
    const { code, out } = await harbor('run', 'theirs', '--seed', '1', '--seed', '13');
    expect(out).toContain('[1/2] Seed 1... reward=0.500\n');
    expect(out).toMatch(/\[2\/2\] Seed 13\.\.\. FAILED\n {6}Error: .*entrypoint ended with exit code 3/);
    expect(out).toMatch(/Total: 2\n {2}Successful: 1\n {2}Failed: 1\n {2}Mean reward: 0\.500\n/);
    expect(code).toBe(0);
  });

  test('runs rollouts, and prints JSON', async () => {
    const { out } = await harbor('run', 'theirs', '--seeds', '2', '--json');
    const result = z.object({ mean_reward: z.number(), results: z.array(z.looseObject({ response: rolloutSchema })) });
    const { mean_reward, results } = parseJson(out.slice(out.indexOf('{')), result);
    expect(mean_reward).toBe(0.5);
    expect(results.map(({ response }) => response)).toMatchObject([
      { seed: 0, success: true, reward_info: { details: { tests_passed: 3 } } },
      { seed: 1, success: true },
    ]);
  });
});

describe('the SDK of the existing client', () => {
  test('uploads all that a spec may hold, and waits', async () => {
    const program = `
spec = HarborBuildSpec(name="sdk", dockerfile_path="Dockerfile", context_dir=".", description="by the SDK",
  entrypoint_mode="stdio", entrypoint="cat > /dev/null; run_rollout; cat /tmp/result.json", env_vars={"COLOUR": "blue"},
  limits={"timeout_s": 60, "memory_mb": 512}, metadata={"agent_type": "codex"})
result = upload_harbor_deployment(spec, wait_for_ready=True)
answer({"id": result.deployment_id, "build": result.build_id, "status": result.status, "snapshot": result.snapshot_id})`;
    const schema = z.object({ id: z.string(), build: z.string(), status: z.literal('ready'), snapshot: z.string() });
    const { answer, logged } = await sdk(program, schema);
    expect(await server().client.deployment(answer.id)).toMatchObject({
      name: 'sdk',
      description: 'by the SDK',
      entrypoint_mode: 'stdio',
      limits: { timeout_s: 60, cpu_cores: 2, memory_mb: 512, disk_mb: 10_240 },
      metadata: { agent_type: 'codex' },
      env_vars: ['COLOUR'],
    });
    // The build is known from the first answer, so that the context is sent once.
    expect(logged.match(/POST/g)).toHaveLength(1);
  });

  test('builds new content, lists, and reads errors', async () => {
    const program = `
uploader = HarborDeploymentUploader()
built = uploader.trigger_build("sdk", dockerfile="FROM debian:bookworm-slim\\n", force=True)
status = uploader.wait_for_build("sdk", poll_interval_s=0.2)
try:
    uploader.get_deployment_status("nowhere")
except HarborAPIError as error:
    refused = [error.status_code, error.message, error.details["code"]]
answer({"built": built, "status": status["status"], "names": [d["name"] for d in uploader.list_deployments(status="ready")],
  "refused": refused})`;
    const { answer } = await sdk(program, jsonObjectSchema);
    expect(answer).toMatchObject({
      built: { build_id: expect.any(String) },
      status: 'ready',
      names: expect.arrayContaining(['sdk', 'theirs']),
      refused: [404, 'Deployment nowhere was not found', 'not_found'],
    });
  });

  const backend = `
from synth_ai.sdk.container import HarborExecutionBackend, HarborInstanceProvider
from synth_ai.sdk.container._impl.contracts import RolloutRequest
backend = HarborExecutionBackend(HarborDeploymentRef(deployment_id="theirs"))
def request(seed):
    return RolloutRequest(trace_correlation_id="adapter", env={"seed": seed}, policy={"config": {"model": "gpt-5-mini"}})
`;

  test('runs rollouts in the place of a local container', async () => {
    const program = `${backend}
assert asyncio.run(backend.check_deployment_ready())
answer(backend.execute(request(4)).model_dump(mode="json"))`;
    expect((await sdk(program, jsonObjectSchema)).answer).toMatchObject({
      trace_correlation_id: 'adapter',
      reward_info: {
        outcome_reward: 0.5,
        outcome_objectives: { reward: 0.5 },
        details: { tests_passed: 3, harbor_success: true, harbor_execution: { attempts: 1, exit_code: 0 } },
      },
      success_status: 'success',
      trace: { trace_id: 'adapter', calls: [] },
    });
  });

  test('is told of a rollout without a number once, and does not pay for it again', async () => {
    const program = `${backend}
from synth_ai.sdk.container import HarborExecutionError
try:
    backend.execute(request(13))
except HarborExecutionError as error:
    answer({"status": error.status_code, "message": str(error)})`;
    const { answer, logged } = await sdk(program, jsonObjectSchema);
    expect(answer).toEqual({
      status: 424,
      message: 'Harbor API error: agent_failed: entrypoint ended with exit code 3',
    });
    expect(logged.match(/POST/g)).toHaveLength(1);
  });

  test('asks again when all places are taken, and gets its rollout', { timeout: 120_000 }, async () => {
    // Longer than the server lets a request wait for a place.
    const holder = await start(server(), 'theirs', { env: { seed: 3600 } });
    const program = `${backend}answer(backend.execute(request(5)).reward_info.outcome_reward)`;
    const { answer, logged } = await sdk(program, z.number());
    expect(answer).toBe(0.5);
    expect(logged.match(/"HTTP\/1\.1 \d+/g)).toEqual(['"HTTP/1.1 429', '"HTTP/1.1 200']);
    expect(await server().client.rollout(holder)).toMatchObject({ status: 'completed' });
  });

  test('asks again when it has lost patience, and gets the rollout that it asked for first', async () => {
    // Ten seconds, of which it waits for four at a time.
    const program = `${backend}
backend.timeout, backend.max_retries = 4, 5
answer(backend.execute(request(1000)).reward_info.outcome_reward)`;
    const before = await server().client.rollouts({ deployment: 'theirs' });
    expect((await sdk(program, z.number())).answer).toBe(0.5);
    const after = await server().client.rollouts({ deployment: 'theirs' });
    expect(after.filter(({ id }) => before.every((one) => one.id !== id))).toMatchObject([{ seed: 1000, attempt: 1 }]);
  });

  test('takes a deployment for a healthy container of an optimisation job', async () => {
    const program = `
from synth_ai.sdk.optimization.internal.container_app import check_container_health
url = os.environ["SYNTH_BACKEND_URL"] + "api/harbor/deployments/theirs"
health = check_container_health(url, os.environ["SYNTH_API_KEY"])
answer({"ok": health.ok, "detail": health.detail})`;
    expect((await sdk(program, jsonObjectSchema)).answer).toEqual({ ok: true, detail: '/harbor_status=ready' });
  });

  test('describes tasks from a deployment', async () => {
    const program = `${backend}
provider = HarborInstanceProvider(backend.deployment_ref, task_id="t", task_name="T", use_instance_api=True)
answer([task.task_metadata for task in provider.provide([1, 2])])`;
    expect((await sdk(program, z.array(jsonObjectSchema))).answer).toMatchObject([{ seed: 1 }, { seed: 2 }]);
  });
});

test('the deployment that the SDK changed keeps its settings', async () => {
  expect(await server().client.deployment('sdk')).toMatchObject({
    generation: 2,
    description: 'by the SDK',
    entrypoint_mode: 'stdio',
  });
});
