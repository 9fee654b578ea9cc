import { describe, expect, test } from 'vitest';
import { BuildLog } from '../../../src/sandboxes/docker/build-log.ts';
import { decodeTrace } from '../../../src/sandboxes/docker/buildkit-trace.ts';

/** Traces as BuildKit sent them for `RUN echo hello; echo oops >&2; exit 3`: begun, its output twice, failed. */
const traces = [
  'Cs0BCkdzaGEyNTY6MjU2MDAxZDAyYzhlZTY5MjdkZDI1MzExMzNhOGQzOTc5ZDdmMDRiZTUxNGQzNTk3MDFjZWE3MTczOGQ3NGQ2NBJHc2hhMjU2OjU2YmY1ZGNkMzhlZTJmNjBmNjQ2YjE1YjFiOTFlNDBiNWU4Mzc1YTQ1NzU3MmY4OTBlZGJjY2JkMTcxOTA4MTMaK1syLzNdIFJVTiBlY2hvIGhlbGxvOyBlY2hvIG9vcHMgPiYyOyBleGl0IDMqDAi/hY7YBhDUxLiVAg==',
  'GmEKR3NoYTI1NjoyNTYwMDFkMDJjOGVlNjkyN2RkMjUzMTEzM2E4ZDM5NzlkN2YwNGJlNTE0ZDM1OTcwMWNlYTcxNzM4ZDc0ZDY0EgwIv4WO2AYQu4y6nQMYASIGaGVsbG8K',
  'GmAKR3NoYTI1NjoyNTYwMDFkMDJjOGVlNjkyN2RkMjUzMTEzM2E4ZDM5NzlkN2YwNGJlNTE0ZDM1OTcwMWNlYTcxNzM4ZDc0ZDY0EgwIv4WO2AYQ3dnMnQMYAiIFb29wcwo=',
  'CrECCkdzaGEyNTY6MjU2MDAxZDAyYzhlZTY5MjdkZDI1MzExMzNhOGQzOTc5ZDdmMDRiZTUxNGQzNTk3MDFjZWE3MTczOGQ3NGQ2NBJHc2hhMjU2OjU2YmY1ZGNkMzhlZTJmNjBmNjQ2YjE1YjFiOTFlNDBiNWU4Mzc1YTQ1NzU3MmY4OTBlZGJjY2JkMTcxOTA4MTMaK1syLzNdIFJVTiBlY2hvIGhlbGxvOyBlY2hvIG9vcHMgPiYyOyBleGl0IDMqDAi/hY7YBhDUxLiVAjIMCL+FjtgGEOKbtawDOlRleGVjdXRvciBmYWlsZWQgcnVubmluZyBbL2Jpbi9zaCAtYyBlY2hvIGhlbGxvOyBlY2hvIG9vcHMgPiYyOyBleGl0IDNdOiBleGl0IGNvZGU6IDM=',
];
const step = '[2/3] RUN echo hello; echo oops >&2; exit 3';

describe('a trace of BuildKit', () => {
  test('says which step began when, and how it ended', () => {
    const [begun, failed] = [traces[0] ?? '', traces[3] ?? ''].map((trace) => decodeTrace(trace).steps[0]);
    expect(begun).toMatchObject({
      name: step,
      cached: false,
      started: expect.closeTo(1_795_392_191.58, 1),
      completed: null,
      error: '',
    });
    expect(failed).toMatchObject({
      completed: expect.closeTo(1_795_392_191.9, 1),
      error: 'executor failed running [/bin/sh -c echo hello; echo oops >&2; exit 3]: exit code: 3',
    });
  });

  test('carries the output of a step', () => {
    expect(decodeTrace(traces[1] ?? '').output.map(({ text }) => text.toString())).toEqual(['hello\n']);
  });

  test('that is cut short gives what is whole', () => {
    expect(decodeTrace((traces[1] ?? '').slice(0, 40)).steps).toEqual([]);
  });
});

describe('a build log', () => {
  const logOf = (messages: readonly Parameters<BuildLog['add']>[0][]) => {
    let text = '';
    const log = new BuildLog((more) => (text += more));
    for (const message of messages) log.add(message);
    return { log, text };
  };

  test('of BuildKit numbers the steps and their lines', () => {
    const { log, text } = logOf(traces.map((aux) => ({ id: 'moby.buildkit.trace', aux })));
    expect(text).toBe(
      `#1 ${step}\n#1 hello\n#1 oops\n#1 ERROR: executor failed running [/bin/sh -c echo hello; echo oops >&2; exit 3]: exit code: 3\n`,
    );
    expect(log.step).toBe(step);
    expect(log.error).toBeUndefined();
  });

  test('of the classic builder is as it came, less its colours', () => {
    const { log, text } = logOf([
      { stream: 'Step 2/5 : RUN make' },
      { stream: '\n' },
      { stream: '\u001B[91moops\n\u001B[0m' },
      { error: "The command 'make' returned a non-zero code: 2" },
    ]);
    expect(text).toBe("Step 2/5 : RUN make\noops\nERROR: The command 'make' returned a non-zero code: 2\n");
    expect(log.step).toBe('Step 2/5 : RUN make');
    expect(log.error).toContain('non-zero code: 2');
  });

  test('knows when the image is made, by either builder', () => {
    expect(logOf([{ stream: 'Successfully built' }]).log.built).toBe(false);
    expect(logOf([{ aux: { ID: 'sha256:1' } }]).log.built).toBe(true);
    expect(logOf([{ id: 'moby.image.id', aux: { ID: 'sha256:1' } }]).log.built).toBe(true);
  });

  test('leaves out the progress of layers, not their end', () => {
    const { text } = logOf([
      { status: 'Downloading', id: 'abc', progressDetail: { total: 100 } },
      { status: 'Pull complete', id: 'abc', progressDetail: {} },
    ]);
    expect(text).toBe('abc: Pull complete\n');
  });
});
