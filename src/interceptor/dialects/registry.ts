import { anthropicMessages } from './anthropic-messages.ts';
import type { DialectRoute, DialectSpec } from './dialect.ts';
import { openaiChat } from './openai-chat.ts';
import { openaiResponses } from './openai-responses.ts';

const dialects: readonly DialectSpec[] = [openaiResponses, openaiChat, anthropicMessages];

/** The dialect that is spoken at a path, and what the path is to the provider. The path comes without its query. */
export function findDialect(path: string): { readonly dialect: DialectSpec; readonly route: DialectRoute } | undefined {
  for (const dialect of dialects) {
    const route = dialect.routes.find(({ ending }) => path.endsWith(ending));
    if (route) return { dialect, route };
  }
  return undefined;
}

export function dialectNamed(name: string): DialectSpec | undefined {
  return dialects.find((dialect) => dialect.name === name);
}
