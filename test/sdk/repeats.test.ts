import { describe, expect, test } from 'vitest';
import { HarborClient } from '../../src/sdk/client.ts';
import { reconnecting } from '../../src/sdk/reconnecting.ts';
import { useApi } from '../support/api.ts';
import { readyDeployment } from '../support/deployment.ts';

const api = useApi();

/** A client that loses its first answer, once the server has done what it was asked for. */
function losing(): HarborClient {
  let isLost = false;
  return new HarborClient({
    url: api().url,
    apiKey: api().key,
    async fetch(...request) {
      const answer = await fetch(...request);
      if (isLost) return answer;
      isLost = true;
      await answer.text();
      throw new TypeError('fetch failed', { cause: Object.assign(new Error('reset'), { code: 'ECONNRESET' }) });
    },
  });
}

/** As the command line does it. */
function again<T>(ask: () => Promise<T>): Promise<T> {
  return reconnecting()(ask);
}

describe('with a key that its caller drew once', () => {
  test('a batch is started once', async () => {
    await readyDeployment(api().store, { name: 'repeated', facts: { hasRunRollout: true } });
    const client = losing();
    const { id } = await again(() => client.startBatch('repeated', { seeds: [1] }, 'the-batch'));
    expect((await client.batches()).map((batch) => batch.id)).toEqual([id]);
    expect((await client.startBatch('repeated', { seeds: [1] })).id).not.toBe(id);
  });

  test('a deployment is made once, and built once', async () => {
    const client = losing();
    const { id } = await again(() => client.upload({ name: 'uploaded', dockerfile: 'FROM x\n' }, null, 'the-upload'));
    expect(await client.deployment('uploaded')).toMatchObject({ id, generation: 1 });
    await readyDeployment(api().store, { name: 'rebuilt' });
    const other = losing();
    await again(() => other.build('rebuilt', { force: true }, null, 'the-build'));
    expect(await client.deployment('rebuilt')).toMatchObject({ generation: 2 });
  });
});
