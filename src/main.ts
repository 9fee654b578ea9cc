/**
 * The one entry of every process of Harbor: `guard` and `stream`, the interceptor, are children of others, all else is the CLI.
 * Modules are loaded only for the role that is asked for: the interceptor stays small, the CLI quick.
 */
const [role = '', ...rest] = process.argv.slice(2);

if (role === 'guard') {
  const { runGuard } = await import('./embedded/guard.ts');
  process.exitCode = await runGuard(rest);
} else if (role === 'stream') {
  const { runInterceptorProcess } = await import('./roles/interceptor.ts');
  await runInterceptorProcess(process.env);
} else {
  const { runCli } = await import('./cli/program.ts');
  process.exitCode = await runCli(process.argv.slice(2));
}
