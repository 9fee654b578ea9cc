/** What is removed because nobody needs it any more, and within which bounds the rest is kept. */
import { z } from 'zod';

/** Bounds of what is kept on disk; an absent one does not bound. */
export interface DiskSettings {
  /** Of all snapshots together, layers that they share counted once. */
  readonly snapshotBytes: number | undefined;
  /** Of the engine's build cache, other programs' part of it included: it does not say whose it is. */
  readonly buildCacheBytes?: number | undefined;
  /** Days after a rollout's end for which its trace, logs and files are kept. */
  readonly traceDays?: number | undefined;
}

export const gcRequestSchema = z.strictObject({
  dry_run: z.boolean().default(false).describe('Only tell what would be removed.'),
  older_than_s: z
    .int()
    .min(0)
    .max(31_536_000)
    .default(600)
    .describe(
      'Seconds: what lies at the provider and is younger stays, as it may be in the making. 0 only where nothing runs.',
    ),
});

export type GcRequest = z.infer<typeof gcRequestSchema>;
/** As it is sent: what is absent has its default. */
export type GcRequestBody = z.input<typeof gcRequestSchema>;

export const garbageKinds = [
  'snapshot',
  'sandbox',
  'helper',
  'toolbox',
  'image',
  'network',
  'build cache',
  'trace',
  'blob',
] as const;
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
  blobs: z
    .object({ count: z.int(), bytes: z.int().describe('As they lie on disk.') })
    .nullable()
    .describe(
      'null: they are those of another database, and were left as they are. Else what is left of them: contexts, bodies of calls, logs, artifacts.',
    ),
  trace_days: z
    .int()
    .nullable()
    .describe(
      'Days after its end for which what a rollout left is kept; null: for ever. A `trace` frees nothing by itself: its blobs are counted as such.',
    ),
});

export type GcReport = z.infer<typeof gcReportSchema>;
