/** What is removed because nobody needs it any more, and within which bounds the rest is kept. */
import { z } from 'zod';

/** Bounds of what is kept on disk; an absent one does not bound. */
export interface DiskSettings {
  /** Of all snapshots together, layers that they share counted once. */
  readonly snapshotBytes: number | undefined;
}

export const gcRequestSchema = z.strictObject({
  dry_run: z.boolean().default(false).describe('Only tell what would be removed.'),
});

export type GcRequest = z.infer<typeof gcRequestSchema>;

export const garbageKinds = ['snapshot', 'image', 'toolbox', 'helper', 'network'] as const;
export type GarbageKind = (typeof garbageKinds)[number];

export const gcReportSchema = z.object({
  dry_run: z.boolean().describe('Nothing was removed: this is what would be.'),
  removed: z
    .array(
      z.object({
        kind: z.enum(garbageKinds),
        count: z.int(),
        bytes: z.int().describe('Of disk that this frees, where it is known.'),
      }),
    )
    .describe('Of each kind of which there was something to remove.'),
  snapshots: z
    .object({
      count: z.int(),
      bytes: z.int().describe('Of layers that belong to no other image, each counted once.'),
      quota_bytes: z.int().nullable().describe('null: they are not bounded.'),
    })
    .describe('What is left of them.'),
});

export type GcReport = z.infer<typeof gcReportSchema>;
