import { fileURLToPath } from 'node:url';

/** How Harbor starts itself. */
export const program: readonly string[] = [process.execPath, fileURLToPath(new URL('../main.js', import.meta.url))];
