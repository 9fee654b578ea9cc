/** One word of a command line. */
export interface Word {
  /** As written, with its quotes. */
  readonly raw: string;
  /** Without quotes and escapes; variables stay as they are. */
  readonly value: string;
  readonly offset: number;
}

/** Splits at blanks outside quotes, as Dockerfile instructions do. An open quote ends with the text. */
export function splitWords(text: string, escape = '\\'): readonly Word[] {
  const words: Word[] = [];
  let at = 0;
  while (at < text.length) {
    if (/\s/.test(text.charAt(at))) {
      at += 1;
      continue;
    }
    const word = readWord(text, at, escape);
    words.push(word);
    at += word.raw.length;
  }
  return words;
}

function readWord(text: string, offset: number, escape: string): Word {
  let value = '';
  let quote = '';
  let at = offset;
  for (; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (quote === '' && /\s/.test(char)) break;
    if (char === escape && quote !== "'" && at + 1 < text.length) {
      at += 1;
      value += text.charAt(at);
    } else if (char === quote) {
      quote = '';
    } else if (quote === '' && (char === '"' || char === "'")) {
      quote = char;
    } else {
      value += char;
    }
  }
  return { raw: text.slice(offset, at), value, offset };
}
