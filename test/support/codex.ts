/** The real codex binary, for tests that let it work. */
export async function codexBinary(): Promise<string> {
  const binary = process.env['HARBOR_TEST_CODEX'];
  if (!binary) throw new Error('HARBOR_TEST_CODEX names no codex binary');
  return binary;
}
