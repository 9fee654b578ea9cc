import { type Instruction, assignments, dockerfileError, parseDockerfile, wordsOf } from './dockerfile-parser.ts';

/**
 * Every image that a build starts from, as it is named, once each: of all FROM lines, `COPY --from` and
 * `RUN --mount=…,from=`. Neither names of stages nor `scratch`. Variables stand for the defaults of the ARGs before the
 * first FROM, and for BuildKit's own (`TARGETARCH` …), by the architecture that the build is for. Throws
 * `invalid_request` for a name that cannot be worked out, and for what is no Dockerfile.
 */
export function baseImages(
  text: string,
  architecture: 'amd64' | 'arm64' = process.arch === 'arm64' ? 'arm64' : 'amd64',
): readonly string[] {
  const dockerfile = parseDockerfile(text);
  const args = platformArgs(architecture);
  const stages = new Set<string>();
  const images = new Set<string>();
  const add = (name: string) => {
    if (name !== 'scratch' && !stages.has(name.toLowerCase()) && !/^\d+$/.test(name)) images.add(name);
  };

  let inStage = false;
  for (const instruction of dockerfile.instructions) {
    if (instruction.keyword === 'FROM') {
      inStage = true;
      const [image, as, stage] = wordsOf(instruction, dockerfile).map(({ value }) => value);
      add(imageName(instruction, image ?? '', args));
      if (stage !== undefined && as?.toUpperCase() === 'AS') stages.add(stage.toLowerCase());
    } else if (instruction.keyword === 'ARG' && !inStage) {
      for (const { name, value } of assignments(instruction, dockerfile)) {
        if (value !== undefined && !args.has(name)) args.set(name, expand(value, args));
      }
    } else {
      for (const name of namedSources(instruction)) add(name);
    }
  }
  return [...images];
}

function imageName(instruction: Instruction, written: string, args: ReadonlyMap<string, string>): string {
  const name = expand(written, args);
  if (name === '' || name.includes('$')) {
    throw dockerfileError(
      instruction.line,
      `FROM ${written || '(nothing)'} names no image`,
      'Write the image out, or give each ARG that it uses a default above the first FROM.',
    );
  }
  return name;
}

/** What BuildKit defines by itself, for a build on and for one platform. */
function platformArgs(architecture: string): Map<string, string> {
  const args = { OS: 'linux', ARCH: architecture, PLATFORM: `linux/${architecture}`, VARIANT: '' };
  return new Map(
    Object.entries(args).flatMap(([name, value]) => [
      [`TARGET${name}`, value],
      [`BUILD${name}`, value],
    ]),
  );
}

/** Stages or images that an instruction takes files from; BuildKit puts no variables in there. */
function namedSources({ keyword, flags }: Instruction): readonly string[] {
  if (keyword === 'COPY') return flags.flatMap(({ name, value }) => (name === 'from' && value ? [value] : []));
  if (keyword !== 'RUN') return [];
  return flags.flatMap(({ name, value }) => {
    const from = name === 'mount' && value.split(',').find((part) => part.startsWith('from='));
    return from ? [from.slice('from='.length)] : [];
  });
}

/** `$X`, `${X}`, `${X:-word}`, `${X:+word}` and the same without the colon. What has no value stays as it is. */
function expand(text: string, args: ReadonlyMap<string, string>): string {
  return text.replaceAll(
    /\$(?:(\w+)|\{(\w+)(?:(:?[-+])([^}]{0,999}))?\})/g,
    (
      reference,
      plain: string | undefined,
      braced: string | undefined,
      operator: string | undefined,
      word: string = '',
    ) => {
      const value = args.get(plain ?? braced ?? '');
      const isSet = value !== undefined && !(operator?.startsWith(':') && value === '');
      if (operator?.endsWith('+')) return isSet ? expand(word, args) : '';
      if (isSet) return value;
      return operator ? expand(word, args) : reference;
    },
  );
}
