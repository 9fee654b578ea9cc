import { describe, expect, test } from 'vitest';
import { HarborError } from '../../src/model/errors.ts';
import { refuseSecretEnv, refuseSecrets } from '../../src/model/llm-keys.ts';

const lines = (...text: readonly string[]) => text.join('\n');
// Put together here, so that no scanner takes this file for a leak.
const key = ['sk', 'proj', 'abcdefghijklmnopqrstuvwxyz'].join('-');
const anthropicKey = ['sk', 'ant', 'api03', 'abcdefghijklmnop'].join('-');
const plainKey = `sk-${'Ab1'.repeat(16)}`;

function refusal(text: string): Error {
  try {
    refuseSecrets(text);
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('was not refused');
}

describe('a Dockerfile is refused, naming line and variable,', () => {
  test.each<[string, string, number, string]>([
    ['with a key as ENV', 'ENV OPENAI_API_KEY=abc', 2, 'OPENAI_API_KEY'],
    ['with one in the old form', 'ENV ANTHROPIC_API_KEY abc def', 2, 'ANTHROPIC_API_KEY'],
    ['with one among others', lines('ENV A=1 \\', '  B=2 \\', '  MY_GOOGLE_API_KEY="x"'), 4, 'MY_GOOGLE_API_KEY'],
    ['with one whose value comes on the next line', lines('ENV COHERE_API_KEY=\\', 'abc'), 2, 'COHERE_API_KEY'],
    ['in lower case', 'ENV openai_api_key=abc', 2, 'openai_api_key'],
    ['with a default of an ARG', 'ARG SYNTH_API_KEY=abc', 2, 'SYNTH_API_KEY'],
    ['with a default in a reference', 'ENV OPENAI_API_KEY=${OPENAI_API_KEY:-abc}', 2, 'OPENAI_API_KEY'],
    ['exported in a RUN', lines('RUN true && \\', '  export ANTHROPIC_AUTH_TOKEN=abc'), 3, 'ANTHROPIC_AUTH_TOKEN'],
    ['before a command', 'RUN HUGGINGFACE_API_KEY=abc python x.py', 2, 'HUGGINGFACE_API_KEY'],
    ['echoed into a file', `RUN echo "export OPENAI_API_KEY='abc'" >> ~/.bashrc`, 2, 'OPENAI_API_KEY'],
    ['echoed with escaped quotes', String.raw`RUN echo "OPENAI_API_KEY=\"abc\"" > .env`, 2, 'OPENAI_API_KEY'],
    ['as an option', 'RUN agent --env=OPENAI_API_KEY=abc', 2, 'OPENAI_API_KEY'],
    ['in a heredoc', lines('COPY <<EOF /.env', 'A=1', 'AZURE_OPENAI_API_KEY=abc', 'EOF'), 4, 'AZURE_OPENAI_API_KEY'],
    ['in a program', lines('RUN python <<EOF', `os.environ["OPENAI_API_KEY"] = 'abc'`, 'EOF'), 3, 'OPENAI_API_KEY'],
    ['in JSON', `RUN echo '{"OPENAI_API_KEY": "abc"}' > x`, 2, 'OPENAI_API_KEY'],
    ['in a command of the image', 'CMD OPENAI_API_KEY=abc agent', 2, 'OPENAI_API_KEY'],
    ['triggered later', 'ONBUILD ENV OPENAI_API_KEY=abc', 2, 'OPENAI_API_KEY'],
    ['by its looks, whatever its name', `ENV TOKEN=${key}`, 2, 'TOKEN'],
    ['by its looks in a command', `RUN curl -H "Authorization: Bearer ${anthropicKey}" x`, 2, 'LLM key'],
    ['by its looks in a label', `LABEL key=${plainKey}`, 2, 'key'],
    ['by its looks in a comment', `# OPENAI_API_KEY=${plainKey}`, 2, 'OPENAI_API_KEY'],
  ])('%s', (_, text, line, name) => {
    const error = refusal(`FROM a\n${text}\n`);
    expect(error).toMatchObject({ failureClass: 'invalid_request', field: 'dockerfile' });
    expect(error.message).toContain(`line ${line}: `);
    expect(error.message).toContain(name);
    for (const secret of ['abc', key, anthropicKey, plainKey]) expect(error.message).not.toContain(secret);
  });
});

describe('a Dockerfile may', () => {
  test.each([
    ['take a key when it is built', 'ARG OPENAI_API_KEY'],
    ['hand one on', lines('ARG OPENAI_API_KEY', 'ENV OPENAI_API_KEY=$OPENAI_API_KEY A=${OPENAI_API_KEY}')],
    ['make one empty', 'ENV OPENAI_API_KEY="" ANTHROPIC_API_KEY=${X:-}'],
    ['use one', 'RUN curl -H "Authorization: Bearer $OPENAI_API_KEY" "${OPENAI_API_KEY:?missing}"'],
    ['test one', 'RUN if [ "$OPENAI_API_KEY" = "abc" ]; then exit 1; fi; unset OPENAI_API_KEY'],
    ['read one from a secret', 'RUN --mount=type=secret,id=OPENAI_API_KEY OPENAI_API_KEY=$(cat /run/secrets/x) agent'],
    ['read one in a program', lines('RUN <<EOF', 'OPENAI_API_KEY = os.environ["OPENAI_API_KEY"]', 'EOF')],
    [
      'hand one to a program',
      lines('RUN <<EOF', 'agent(OPENAI_API_KEY=os.environ["X"], k=f("OPENAI_API_KEY"))', 'EOF'),
    ],
    ['print one', String.raw`RUN printf 'OPENAI_API_KEY=%s\n' "$X" > .env`],
    ['name the variable', 'ENV KEY_VARIABLE=OPENAI_API_KEY'],
    ['hold a placeholder', 'RUN echo "OPENAI_API_KEY=<your key>" > .env.example'],
    [
      'hold words that look a little like keys',
      'RUN pip install sk-learn-contrib-something-long risk-aware-decision-making',
    ],
    ['hold other keys and values', 'ENV AWS_REGION=eu GROQ_API_KEY=x sk-short=1'],
  ])('%s', (_, text) => {
    expect(() => refuseSecrets(`FROM a\n${text}\n`)).not.toThrow();
  });
});

describe('environment variables', () => {
  test.each([
    [{ OPENAI_API_KEY: '' }, 'env_vars.OPENAI_API_KEY'],
    [{ A: '1', my_anthropic_api_key_2: 'x' }, 'env_vars.my_anthropic_api_key_2'],
    [{ ANTHROPIC_AUTH_TOKEN: 'x' }, 'env_vars.ANTHROPIC_AUTH_TOKEN'],
    [{ TOKEN: key }, 'env_vars.TOKEN'],
  ])('are refused as %j', (vars, field) => {
    expect(() => refuseSecretEnv(vars)).toThrow(expect.objectContaining({ failureClass: 'invalid_request', field }));
  });

  test('never show their value', () => {
    expect(() => refuseSecretEnv({ TOKEN: key })).toThrow(/^env_vars\.TOKEN: looks like an LLM key$/);
  });

  test('may hold anything else', () => {
    expect(() => refuseSecretEnv({ GROQ_API_KEY: 'x', OPENAI_BASE_URL: 'http://x' })).not.toThrow();
  });
});

/** Each of these kept a backtracking pattern busy for minutes, or would. */
test.each(
  ['sk-', 'X="a', 'X=a,', 'a ', 'OPENAI_API_KEY', '"', '\\"=', 'x =', ' '].flatMap((part) => [
    ['RUN X', part, 'x'],
    ['ENV X=', part, `=${key}`],
    ['RUN X=', part, '('],
  ]),
)('%s and %j two hundred thousand times and %s is judged', (start, part, end) => {
  const judge = () => refuseSecrets(`FROM a\n${start}${part.repeat(200_000)}${end}`);
  expect(['taken', 'refused']).toContain(outcome(judge));
});

function outcome(judge: () => void): string {
  try {
    judge();
    return 'taken';
  } catch (error) {
    return HarborError.isInstance(error) ? 'refused' : String(error);
  }
}
