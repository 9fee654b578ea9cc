import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { instanceListSchema } from '../../src/model/instance.ts';
import { parseJson } from '../../src/model/json.ts';
import { inspected } from '../support/engine.ts';
import { containerOf, ended } from '../support/running.ts';
import { idIn, useCli } from './support/cli.ts';

const { server, folder, begin, synth } = useCli();

describe('what users of the existing client type', () => {
  test('uploads, waits, and shows what they look for', async () => {
    const { code, out } = await synth(
      'harbor',
      'upload',
      '--name',
      'theirs',
      '-d',
      './Dockerfile',
      '-c',
      '.',
      '--wait',
    );
    expect(code).toBe(0);
    expect(out).toMatch(/Upload successful!\n {2}Deployment ID: \S+\n {2}Build ID: \S+\n {2}Status: ready\n/);
  });

  test('lists, as a bare list where JSON is asked for', async () => {
    const { out } = await synth('harbor', 'list', '-s', 'ready', '-l', '5', '--json');
    const names = parseJson(out, z.array(z.object({ name: z.string() }))).map(({ name }) => name);
    expect(names).toContain('tool');
  });

  test('shows the status and builds again', async () => {
    expect((await synth('harbor', 'status', 'tool')).out).toMatch(/Status: ready\n.*Recent builds/s);
    const built = await synth('harbor', 'build', 'tool', '--wait');
    expect(built).toMatchObject({ code: 0, out: expect.stringMatching(/Build triggered!\n {2}Build ID: \S+\n/) });
  });

  test('notes the seeds of a deployment as instances, with the build that they wait for', async () => {
    const made = await synth('harbor', 'instances', 'create', 'tool', '--count', '3', '--start-seed', '7');
    expect(made).toMatchObject({
      code: 0,
      out: expect.stringMatching(/Instances created!\n {2}Total: 3\n {2}Ready: 3\n/),
    });
    expect(await synth('harbor', 'instances', 'build', 'tool')).toMatchObject({
      code: 0,
      out: expect.stringContaining('Nothing has to be built.'),
    });
    const { out } = await synth('harbor', 'instances', 'list', 'tool', '-s', 'ready');
    expect(out).toMatch(/Instances of tool:\n {2}Total: 3\n/);
    expect(out).toMatch(/^ +7 +ready$/m);
    const { out: json } = await synth('harbor', 'instances', 'list', 'tool', '--json');
    expect(parseJson(json, instanceListSchema).instances.map(({ seed }) => seed)).toEqual([7, 8, 9]);
  });

  test('finds the server by their variables and flags', async () => {
    const { url, apiKey } = server();
    const env = { HARBOR_HOME: folder(), SYNTH_BACKEND_URL: `${url}/`, SYNTH_API_KEY: apiKey };
    expect((await begin('synth', ['harbor', 'list'], env).done).out).toContain('tool');
    const flags = ['harbor', 'list', '--backend-url', url, '--api-key', apiKey];
    expect((await begin('synth', flags, { HARBOR_HOME: folder() }).done).out).toContain('tool');
  });

  test('runs agents as openly as they are used to, where harbor shuts them in', async () => {
    expect(await networkOf('synth', 'harbor', 'run', 'tool')).toBe('open');
    expect(await networkOf('harbor', 'run', 'tool')).toBe('closed');
    expect(await networkOf('harbor', 'run', 'tool', '--egress', 'open')).toBe('open');
  });

  async function networkOf(program: 'harbor' | 'synth', ...args: string[]): Promise<string | undefined> {
    const id = idIn(await begin(program, [...args, '--seed', '200', '--detach']).done);
    const settings = await inspected(await containerOf(server(), id));
    await ended(server(), id);
    return /"harbor-\w+-(open|closed)"/.exec(settings)?.[1];
  }
});
