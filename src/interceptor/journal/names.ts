import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

const suffix = '.journal';

export const journalPath = (directory: string, name: string): string => join(directory, name + suffix);

/** The names of a directory's journals, oldest first. */
export async function listJournals(directory: string): Promise<string[]> {
  const files = await readdir(directory);
  return files
    .filter((file) => file.endsWith(suffix))
    .map((file) => file.slice(0, -suffix.length))
    .sort();
}
