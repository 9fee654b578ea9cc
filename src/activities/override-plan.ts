import { posix } from 'node:path';
import {
  type ContextOverride,
  type OverrideErrorType,
  type OverrideResult,
  overrideLimits,
  type PartResult,
} from '../model/context-override.ts';
import { isKeyVariable } from '../model/llm-keys.ts';
import type { RolloutRequest } from '../model/rollout.ts';

/** What of an override can be carried out, and what is refused already. */
export interface OverridePlan {
  readonly overrideId: string;
  readonly files: readonly { readonly path: string; readonly content: string }[];
  readonly preflight: string | null;
  readonly env: Readonly<Record<string, string>>;
  readonly refused: {
    readonly files: OverrideResult['files'];
    readonly preflight: PartResult | null;
    readonly env: OverrideResult['env'];
  };
}

/** All overlays of a request in the order in which they are applied: the policy's own first, then those of its prompt, then the rest. */
function overridesOf({
  policy,
  prompt_template: template,
  context_overrides,
}: RolloutRequest): readonly ContextOverride[] {
  return [
    policy.context_override,
    template?.context_override,
    ...(template?.context_overrides ?? []),
    ...(context_overrides ?? []),
  ].filter((override) => override !== null && override !== undefined);
}

/** Each part by itself: one that cannot be applied keeps no other from it. `workdir` is the place for relative paths. */
export function planOverrides(request: RolloutRequest, workdir: string): readonly OverridePlan[] {
  const bundle = request.override_bundle_id ?? 'override';
  return overridesOf(request).map((override, index) =>
    planOverride(override, override.override_id ?? `${bundle}_${index}`, workdir),
  );
}

function planOverride(override: ContextOverride, overrideId: string, workdir: string): OverridePlan {
  const files: { path: string; content: string }[] = [];
  const refusedFiles: Record<string, OverrideResult['files'][string]> = {};
  for (const [path, content] of Object.entries(override.file_artifacts ?? {})) {
    const reason = whyNotFile(path, content, workdir);
    if (reason) refusedFiles[path] = { ...reason, bytes: 0, places: [] };
    else files.push({ path, content });
  }
  const env: Record<string, string> = {};
  const refusedEnv: Record<string, PartResult> = {};
  for (const [index, [name, value]] of Object.entries(override.env_vars ?? {}).entries()) {
    const reason = whyNotVariable(name, value, index);
    if (reason) refusedEnv[name] = reason;
    else env[name] = value;
  }
  const script = override.preflight_script ?? null;
  const refusedScript = script === null || script.startsWith('#!') ? null : failed('validation', 'must start with #!');
  return {
    overrideId,
    files,
    preflight: refusedScript ? null : script,
    env,
    refused: { files: refusedFiles, preflight: refusedScript, env: refusedEnv },
  };
}

export function failed(type: OverrideErrorType, message: string): PartResult {
  return { status: 'failed', error: { type, message } };
}

function whyNotFile(path: string, content: string, workdir: string): PartResult | undefined {
  if (path === '' || path.includes('\0')) return failed('validation', 'is no path');
  const inside = posix.relative(workdir, posix.resolve(workdir, path));
  const leaves = inside === '' || inside.startsWith('..') || path.split('/').includes('..') || path.startsWith('~');
  if (leaves) return failed('path_traversal', `leads out of the working directory ${workdir}`);
  if (Buffer.byteLength(content) <= overrideLimits.fileBytes) return undefined;
  return failed('size_limit', `is larger than ${overrideLimits.fileBytes} bytes`);
}

function whyNotVariable(name: string, value: string, index: number): PartResult | undefined {
  if (index >= overrideLimits.envVars) return failed('validation', `is one of more than ${overrideLimits.envVars}`);
  if (!/^[A-Za-z_]\w*$/.test(name)) return failed('validation', 'is no name of an environment variable');
  if (isKeyVariable(name)) return failed('validation', 'is the name of an LLM key: agents have their access already');
  if (Buffer.byteLength(value) > overrideLimits.envValueBytes) {
    return failed('size_limit', `is larger than ${overrideLimits.envValueBytes} bytes`);
  }
  return value.includes('\0') ? failed('validation', 'holds a NUL') : undefined;
}

/** What an override came to as a whole. */
export function overallStatus({
  files,
  preflight,
  env,
}: {
  readonly files: Readonly<Record<string, PartResult>>;
  readonly preflight: PartResult | null;
  readonly env: Readonly<Record<string, PartResult>>;
}): OverrideResult['status'] {
  const parts = [...Object.values(files), ...(preflight ? [preflight] : []), ...Object.values(env)];
  const applied = parts.filter(({ status }) => status === 'applied').length;
  if (parts.length === 0) return 'skipped';
  // More files than one override should have are written, and count as a mark against it all the same.
  if (applied === parts.length) return Object.keys(files).length > overrideLimits.filesOfOne ? 'partial' : 'applied';
  return applied === 0 ? 'failed' : 'partial';
}
