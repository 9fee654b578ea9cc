import { describe, expect, test } from 'vitest';
import { baseImages } from '../../src/model/dockerfile.ts';

const lines = (...text: readonly string[]) => text.join('\n');

describe('the images that a build starts from', () => {
  test.each<[string, string, readonly string[]]>([
    ['of one stage', 'FROM debian:12', ['debian:12']],
    ['once each', lines('FROM a AS one', 'FROM b', 'FROM a'), ['a', 'b']],
    ['not stages, whose names have no case', lines('FROM a AS Base', 'FROM base AS last', 'FROM LAST'), ['a']],
    ['not scratch', lines('FROM scratch', 'COPY --from=a x y'), ['a']],
    ['by digest, and with a port', 'FROM host:5000/a/b@sha256:0123', ['host:5000/a/b@sha256:0123']],
    ['whatever the platform', 'FROM --platform=$BUILDPLATFORM a', ['a']],
    ['by the default of an ARG', lines('ARG V=3.12', 'FROM python:${V}-slim'), ['python:3.12-slim']],
    ['by ARGs made of others', lines('ARG A=x', 'ARG B="${A}y" C=z', 'FROM $B$C'), ['xyz']],
    ['by a default in place', lines('ARG A', 'ARG B=', 'FROM ${A-a}${B:-b}${B-c}'), ['ab']],
    ['by what stands for a value', lines('ARG A=1', 'FROM a${A:+b}${B:+c}'), ['ab']],
    ['not by an ARG of a stage', lines('ARG A=x', 'FROM a', 'ARG A=y', 'FROM $A'), ['a', 'x']],
    ['by the platform', lines('FROM a AS base-arm64', 'FROM b AS base-amd64', 'FROM base-${TARGETARCH}'), ['a', 'b']],
    [
      'of COPY --from, not by number',
      lines('FROM a AS s', 'COPY --from=s x y', 'COPY --from=0 x y', 'COPY --from=b x y'),
      ['a', 'b'],
    ],
    ['of mounts', lines('FROM a', 'RUN --mount=type=bind,from=b,target=/b --mount=type=cache,target=/c x'), ['a', 'b']],
    ['behind lines that go on', lines('FROM \\', '  # comment', '  a'), ['a']],
    ['not in heredocs', lines('FROM a', 'COPY <<EOF /Dockerfile', 'FROM b', 'EOF'), ['a']],
  ])('are those %s', (_, text, images) => {
    expect(baseImages(text, 'amd64')).toEqual(images);
  });

  test.each([
    [lines('ARG A', 'FROM a:$A'), 'line 2: FROM a:$A'],
    [lines('ARG A=', 'FROM $A'), 'line 2: FROM $A'],
    [lines('ARG A=x', 'FROM ${A%y}'), 'line 2: FROM ${A%y}'],
    ['FROM', 'line 1: FROM (nothing)'],
  ])('cannot be told from %j', (text, message) => {
    expect(() => baseImages(text, 'amd64')).toThrow(expect.objectContaining({ field: 'dockerfile' }));
    expect(() => baseImages(text, 'amd64')).toThrow(message);
  });
});
