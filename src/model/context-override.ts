import { z } from 'zod';

/** What a rollout may overlay, and how much of it. The existing client's own limits. */
export const overrideLimits = {
  overrides: 20,
  files: 50,
  totalBytes: 1024 * 1024,
  fileBytes: 1024 * 1024,
  /** Files of one override beyond which it counts as failed; they are written all the same. */
  filesOfOne: 20,
  envVars: 50,
  envValueBytes: 10 * 1024,
  preflightSeconds: 60,
} as const;

/** Files that runners name by what they are rather than by where they go. */
const placesByType: Readonly<Record<string, string>> = {
  agents_md: 'AGENTS.md',
  claude_md: 'CLAUDE.md',
  skills_yaml: '.codex/skills.yaml',
};

const listedFile = z
  .looseObject({
    type: z.string().optional(),
    artifact_type: z.string().optional(),
    path: z.string().optional(),
    content: z.string(),
  })
  .transform((file, context) => {
    const type = file.type ?? file.artifact_type ?? '';
    const path = file.path ?? placesByType[type.toLowerCase()] ?? (type.includes('.') ? type : undefined);
    if (path !== undefined) return [path, file.content] as const;
    context.addIssue({ code: 'custom', message: 'names no path', path: ['path'] });
    return z.NEVER;
  });

/** By path; some runners write a list. */
const fileArtifacts = z.union([
  z.record(z.string(), z.string()),
  z.array(listedFile).transform((files) => Object.fromEntries(files)),
]);

/** One overlay: files, then a script, then environment variables for the agent. Unknown keys are left out. */
export const contextOverrideSchema = z.object({
  override_id: z.string().max(256).nullish(),
  mutation_type: z.string().nullish(),
  file_artifacts: fileArtifacts.nullish(),
  preflight_script: z.string().nullish(),
  env_vars: z.record(z.string(), z.string()).nullish(),
});
export type ContextOverride = z.infer<typeof contextOverrideSchema>;

export const contextOverridesSchema = z
  .array(contextOverrideSchema)
  .max(overrideLimits.overrides, `may hold at most ${overrideLimits.overrides} overrides`)
  .refine((overrides) => filesIn(overrides).length <= overrideLimits.files, {
    message: `may hold at most ${overrideLimits.files} files in all`,
  })
  .refine(
    (overrides) => filesIn(overrides).reduce((sum, [, text]) => sum + byteLength(text), 0) <= overrideLimits.totalBytes,
    {
      message: `may hold at most ${overrideLimits.totalBytes} bytes of files in all`,
    },
  );

function filesIn(overrides: readonly ContextOverride[]): readonly (readonly [path: string, text: string])[] {
  return overrides.flatMap(({ file_artifacts: files }) => Object.entries(files ?? {}));
}

const byteLength = (text: string): number => new TextEncoder().encode(text).length;

export type OverrideErrorType =
  | 'validation'
  | 'path_traversal'
  | 'permission'
  | 'size_limit'
  | 'timeout'
  | 'runtime'
  | 'not_found';

/** What became of one part of an override. */
export interface PartResult {
  readonly status: 'applied' | 'failed';
  readonly error: { readonly type: OverrideErrorType; readonly message: string } | null;
}

/** What became of one override; kept with its attempt. */
export interface OverrideResult {
  readonly overrideId: string;
  /** `partial`: some of it. `skipped`: there was nothing in it. */
  readonly status: 'applied' | 'partial' | 'failed' | 'skipped';
  /** `places`: where it lies now, as absolute paths: its own, and where the agent reads it if that is elsewhere. */
  readonly files: Readonly<Record<string, PartResult & { readonly bytes: number; readonly places: readonly string[] }>>;
  readonly preflight:
    | (PartResult & {
        readonly exitCode: number | null;
        readonly stdout: string;
        readonly stderr: string;
        readonly milliseconds: number;
      })
    | null;
  readonly env: Readonly<Record<string, PartResult>>;
}
