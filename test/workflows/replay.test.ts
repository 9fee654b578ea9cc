import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { Worker } from '@temporalio/worker';
import { pino } from 'pino';
import { beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { parseJson } from '../../src/model/json.ts';
import { installTemporalLogger } from '../../src/roles/worker.ts';
import * as workflows from '../../src/workflows/index.ts';
import { workflowBundle } from '../support/workflows.ts';

beforeAll(() => installTemporalLogger(pino({ level: 'silent' })));

const folder = fileURLToPath(new URL('../histories', import.meta.url));
const cases = readdirSync(folder).map((file) => file.replace(/\.json$/, ''));

const historyOf = async (name: string, change: (text: string) => string = (text) => text) =>
  historyFromJSON(parseJson(change(await readFile(`${folder}/${name}.json`, 'utf8')), z.json(), name));

const replay = async (name: string, change?: (text: string) => string): Promise<void> =>
  Worker.runReplayHistory({ workflowBundle }, await historyOf(name, change));

test.each(cases)('the workflow code of today goes the way that was recorded: %s', async (name) => {
  await expect(replay(name)).resolves.toBeUndefined();
});

test('a history that the code did not make is told apart', async () => {
  await expect(replay('rollout-scored', (text) => text.replaceAll('"runAgent"', '"another"'))).rejects.toThrow(
    /nondeterminism|activity/i,
  );
});

test('every workflow has a history, and one of them goes on in another run', async () => {
  const histories = await Promise.all(cases.map((name) => historyOf(name)));
  const events = histories.flatMap((history) => history.events ?? []);
  const types = events.map((event) => event.workflowExecutionStartedEventAttributes?.workflowType?.name);
  expect(new Set(types.filter(Boolean))).toEqual(new Set(Object.keys(workflows)));
  expect(events.some((event) => event.workflowExecutionContinuedAsNewEventAttributes)).toBe(true);
});
