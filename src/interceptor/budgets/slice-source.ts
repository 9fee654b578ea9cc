import { sliceAnswerSchema } from '../../model/budget-slice.ts';
import { parseJson } from '../../model/json.ts';
import { adminToken } from '../tokens.ts';
import type { SliceSource } from './sliced-book.ts';

/** Milliseconds for an answer: longer than the supervisor waits for a database that is restarted. */
const patienceMs = 10_000;

/** Asks the supervisor, which has the database. */
export function askForSlices(url: string, installationSecret: string): SliceSource {
  return async (request, signal) => {
    const response = await fetch(`${url}/budgets`, {
      method: 'POST',
      headers: { authorization: `Bearer ${adminToken(installationSecret)}` },
      body: JSON.stringify(request),
      signal: AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]),
    });
    const body = await response.text();
    if (response.status !== 200) throw new Error(`the supervisor answered ${response.status}`);
    return parseJson(body, sliceAnswerSchema, 'slices');
  };
}
