import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DockerSubject, dockerSubject } from '../../contract/docker-subject.ts';
import { Awaited, Fixture, never } from '../../contract/subject.ts';

let subject: DockerSubject;
const fixture = new Fixture(async () => (subject = await dockerSubject()));
beforeAll(() => fixture.open());
afterAll(() => fixture.close());

describe('a command', () => {
  test('that is followed survives an engine that is away for a while', async () => {
    const box = await fixture.box();
    const begun = new Awaited('begun');
    const running = fixture.run(box, 'echo begun; until [ -e back ]; do sleep 0.1; done; echo over', {
      onOutput: begun.listen,
    });
    await begun.heard;
    await subject.away();
    await subject.back();
    await fixture.read(box, 'touch back');
    expect((await running).end).toMatchObject({ exitCode: 0 });
    expect(begun.text).toBe('begun\nover\n');
  });

  test('that cannot be started says why', async () => {
    const box = await fixture.box();
    await expect(fixture.run(box, 'true', { cwd: '/no/such/folder' })).rejects.toThrow('/no/such/folder');
    await expect(fixture.run(box, 'true', { user: 'nobody-here' })).rejects.toThrow('nobody-here');
  });

  test('cannot be started where the folder of the commands is gone', async () => {
    const box = await fixture.box();
    await fixture.run(box, 'rm -rf /.harbor').catch(() => undefined);
    await expect(fixture.run(box, 'true')).rejects.toMatchObject({
      failureClass: 'sandbox_failed',
      message: expect.stringContaining('/.harbor'),
    });
  });

  test('costs its engine two calls', async () => {
    const box = await fixture.box();
    subject.calls.length = 0;
    await fixture.run(box, 'echo done');
    expect(subject.calls).toEqual([`POST /containers/${box}/exec`, expect.stringMatching(/^POST \/exec\/\w+\/start$/)]);
  });
});

test('a trivial rollout costs its engine no call too many', async () => {
  const request = fixture.request();
  await fixture.provider.list(never());
  subject.calls.length = 0;
  await fixture.provider.create(request);
  await fixture.run(request.name, 'echo done > /out');
  await fixture.provider.quiesce(request.name, never());
  (await fixture.provider.get(request.name, '/out', never()))?.resume();
  await fixture.provider.destroy(request.name);
  const kinds = subject.calls.map((call) =>
    call
      .replace(request.name, 'NAME')
      .replace(/[0-9a-f]{64}/, 'ID')
      .replace(/\?.*/, ''),
  );
  expect(kinds).toEqual([
    'POST /containers/create',
    'PUT /containers/NAME/archive',
    'POST /containers/NAME/start',
    'POST /containers/NAME/exec',
    'POST /exec/ID/start',
    'GET /containers/NAME/top',
    'GET /containers/NAME/archive',
    'DELETE /containers/NAME',
  ]);
});
