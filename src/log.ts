import { type Logger, pino } from 'pino';

/** Lines of JSON on stderr; stdout belongs to what a command answers. Nothing that is secret is ever handed to it. */
export function createLogger(role: string, level: string): Logger {
  return pino(
    {
      level,
      base: { role },
      timestamp: pino.stdTimeFunctions.isoTime,
      // A belt to the braces: keys travel in these headers.
      redact: ['*.authorization', '*.headers.authorization', '*.headers["x-api-key"]'],
    },
    pino.destination({ dest: 2, sync: true }),
  );
}
