import {
  type Dockerfile,
  type Instruction,
  assignments,
  dockerfileError,
  parseDockerfile,
} from './dockerfile-parser.ts';
import { invalid } from './errors.ts';

/** Variables that hold LLM keys; a name that contains one of these counts. The first seven are the existing client's. */
const keyVariables = [
  'OPENAI_API_KEY',
  'ANTHROPIC_API_KEY',
  'AZURE_OPENAI_API_KEY',
  'GOOGLE_API_KEY',
  'COHERE_API_KEY',
  'HUGGINGFACE_API_KEY',
  'SYNTH_API_KEY',
  'ANTHROPIC_AUTH_TOKEN',
];

/**
 * A literal that is a key by its looks, from 20 characters on: with a known prefix, as one unbroken run, or with a
 * digit in it. Bounded below so that hyphenated words (`sk-learn-contrib-…`) pass.
 */
const keyLiteral =
  /(?<![A-Za-z0-9])sk-(?:(?:ant|proj|svcacct|admin|or)-[\w-]{12}|[A-Za-z0-9]{17}|(?=[A-Za-z_-]{0,99}\d)[\w-]{17})/;

const remedy =
  'Take it out: Harbor gives every agent its LLM access itself when it runs, and no key ever has to be in an environment.';

/**
 * Throws `invalid_request` where environment variables hold an LLM key, by their name (as the existing client refuses
 * them, whatever the value) or by the looks of their value.
 */
export function refuseSecretEnv(vars: Readonly<Record<string, string>>, field = 'env_vars'): void {
  for (const [name, value] of Object.entries(vars)) {
    if (isKeyVariable(name)) throw invalid(`${field}.${name}`, 'is the name of an LLM key', remedy);
    if (keyLiteral.test(value)) throw invalid(`${field}.${name}`, 'looks like an LLM key', remedy);
  }
}

/**
 * Throws `invalid_request` where a Dockerfile writes an LLM key into the image: as ENV, as the default of an ARG, in a
 * command or a heredoc; and where any line, comments too, holds what looks like one. The error names line and
 * variable, never the value. An ARG without default and references like `$OPENAI_API_KEY` are fine.
 */
export function refuseSecrets(text: string): void {
  const dockerfile = parseDockerfile(text);
  for (const instruction of dockerfile.instructions) {
    if (instruction.keyword === 'ENV' || instruction.keyword === 'ARG') refuseDeclared(instruction, dockerfile);
    else refuseWritten(instruction);
  }
  for (const [index, line] of dockerfile.lines.entries()) {
    const found = keyLiteral.exec(line);
    if (!found) continue;
    const [, variable] =
      /([A-Za-z_]\w*)["']?\]?\s*[=:]?\s*[\\"']*$/.exec(line.slice(Math.max(0, found.index - 99), found.index)) ?? [];
    throw dockerfileError(index + 1, `${variable ? `${variable}: ` : ''}holds what looks like an LLM key`, remedy);
  }
}

/** Whether a name is one under which programs look for an LLM key. */
export const isKeyVariable = (name: string) => keyVariables.some((variable) => name.toUpperCase().includes(variable));

function refuseDeclared(instruction: Instruction, dockerfile: Dockerfile): void {
  for (const { name, value, offset } of assignments(instruction, dockerfile)) {
    if (isKeyVariable(name) && isLiteral(value ?? '')) throw written(instruction.lineAt(offset), name);
  }
}

/** Whether something is written there, other than a reference without a default of its own. */
function isLiteral(value: string): boolean {
  const plain = value.replaceAll(/["']/g, '').trim();
  return plain !== '' && !/^\$(?:\w+|\{\w+(?::?-)?\})$/.test(plain);
}

/** Repetitions are bounded, here as above, so that no text takes long. */
const keyName = `\\w{0,99}?(?:${keyVariables.join('|')})\\w{0,99}`;
/** `=literal`, as shells write it. */
const shellValue = /=\\?["']?[A-Za-z0-9][^\s"'`$();|&<>[\]{}\\]{0,999}(?=[\s"'`;|&<>)\\]|$)/;
/** ` = "literal"`, `": "literal"`, `"] = 'literal'`, as programs do. */
const programValue = /\\?["']?\]?\s*[=:]\s*\\?["'][A-Za-z0-9][^"'$\\]*\\?["']/;
/**
 * A key variable that is given a literal. After `$` or `${` its name is a reference; a value that begins with anything
 * but a letter or a digit is a reference, a pattern or a placeholder.
 */
const keyAssignment = new RegExp(`(?<![$\\w]|\\$\\{)(${keyName})(?:${shellValue.source}|${programValue.source})`, 'i');

function refuseWritten({ text, lineAt, heredocs }: Instruction): void {
  const found = keyAssignment.exec(text);
  if (found) throw written(lineAt(found.index), found[1] ?? '');
  for (const { line, lines } of heredocs) {
    for (const [index, content] of lines.entries()) {
      const [, variable] = keyAssignment.exec(content) ?? [];
      if (variable !== undefined) throw written(line + index, variable);
    }
  }
}

const written = (line: number, variable: string) =>
  dockerfileError(line, `${variable} is given a value: LLM keys have no place in an image`, remedy);
