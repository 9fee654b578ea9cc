import { text } from 'node:stream/consumers';
import { type BatchResult, batchResultSchema } from '../../src/model/batch-responses.ts';
import { parseJson } from '../../src/model/json.ts';
import type { HarborClient } from '../../src/sdk/client.ts';

/** What is streamed of a batch's results now, by cell. */
export async function batchResults(client: HarborClient, batchId: string): Promise<readonly BatchResult[]> {
  return (await linesOf(client.batchResults(batchId))).map((line) => parseJson(line, batchResultSchema));
}

export async function linesOf(bytes: AsyncIterable<Uint8Array>): Promise<readonly string[]> {
  return (await text(bytes)).split('\n').filter((line) => line !== '');
}
