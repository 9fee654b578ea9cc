import { refuseMember } from './refusal.ts';

/** Levels of folders. Real trees have some dozens; without a bound, one name could stand for thousands of folders. */
const maxLevels = 128;
/** Linux's own bounds of a path and of one part of it, in bytes. */
const maxPathBytes = 4096;
const maxPartBytes = 255;

/**
 * The path that a member's name stands for; empty for the root itself. Throws `invalid_request` for names that are
 * absolute, climb out, or that no file system takes.
 */
export function memberPath(name: string): string {
  if (name === '') throw refuseMember(name, 'is an empty name');
  if (name.includes('\0')) throw refuseMember(name, 'has a NUL in its name');
  if (name.startsWith('/')) throw refuseMember(name, 'is an absolute path', 'Pack the files relative to the context.');
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw refuseMember(name, 'climbs out of its folder with ".."');
  const path = parts.join('/');
  const isTooLong =
    Buffer.byteLength(path) > maxPathBytes || parts.some((part) => Buffer.byteLength(part) > maxPartBytes);
  if (isTooLong || parts.length > maxLevels) {
    throw refuseMember(
      name,
      `is too long a path: at most ${maxPathBytes} bytes, ${maxPartBytes} in each of ${maxLevels} parts`,
    );
  }
  return path;
}

/** Empty for what lies in the root. */
export const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));
