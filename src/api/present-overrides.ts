import { z } from 'zod';
import type { OverrideResult, PartResult } from '../model/context-override.ts';
import { type OverrideStatus, overrideStatusSchema } from '../model/override-responses.ts';
import type { RolloutResult } from '../model/result.ts';

/** What became of the overrides: as Harbor applied them, else as the image's own entrypoint says that it did. */
export function presentOverrides(
  applied: readonly OverrideResult[] | null | undefined,
  result: RolloutResult | null,
): OverrideStatus[] | null {
  if (applied) return applied.map(presentOverride);
  const said = z.array(overrideStatusSchema.partial().required({ overall_status: true }));
  const own = said.safeParse(result?.details['override_application_results']);
  return own.success ? own.data.map((status) => ({ ...nothing, ...status })) : null;
}

const nothing: Omit<OverrideStatus, 'overall_status'> = {
  override_id: null,
  errors: [],
  file_artifacts: {},
  preflight_script: null,
  env_vars: {},
  error_type: null,
  error_message: null,
  files_applied: [],
  files_failed: [],
  env_vars_applied: [],
  preflight_succeeded: null,
  duration_ms: null,
};

function presentOverride({ overrideId, status, files, preflight, env }: OverrideResult): OverrideStatus {
  const errors = [
    ...errorsOf(Object.entries(files)),
    ...errorsOf(preflight ? [['preflight_script', preflight]] : []),
    ...errorsOf(Object.entries(env)),
  ];
  const [first] = errors;
  return {
    override_id: overrideId,
    overall_status: status,
    errors,
    file_artifacts: mapValues(files, ({ bytes, places, ...part }) => ({
      ...presentPart(part),
      bytes_written: bytes,
      placed_at: [...places],
    })),
    preflight_script: preflight && {
      ...presentPart(preflight),
      exit_code: preflight.exitCode,
      stdout: preflight.stdout,
      stderr: preflight.stderr,
      duration_ms: preflight.milliseconds,
    },
    env_vars: mapValues(env, presentPart),
    error_type: first?.error_type ?? null,
    error_message: first?.message ?? null,
    files_applied: names(files, 'applied'),
    files_failed: names(files, 'failed'),
    env_vars_applied: names(env, 'applied'),
    preflight_succeeded: preflight && preflight.status === 'applied',
    duration_ms: preflight?.milliseconds ?? null,
  };
}

const presentPart = ({ status, error }: PartResult) => ({ status, error: error?.message ?? null });

function errorsOf(parts: readonly (readonly [target: string, part: PartResult])[]): OverrideStatus['errors'] {
  return parts.flatMap(([target, { error }]) =>
    error ? [{ error_type: error.type, message: `${target} ${error.message}`, target }] : [],
  );
}

function names(parts: Readonly<Record<string, PartResult>>, wanted: PartResult['status']): string[] {
  return Object.entries(parts).flatMap(([name, { status }]) => (status === wanted ? [name] : []));
}

function mapValues<T, R>(record: Readonly<Record<string, T>>, map: (value: T) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
