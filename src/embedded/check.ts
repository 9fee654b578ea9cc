/** One thing that `harbor doctor` looked at. */
export interface Check {
  readonly name: string;
  /** `missing`: not there yet; `problem`: there, but not as it should be. */
  readonly status: 'ok' | 'missing' | 'problem';
  /** Whether Harbor cannot run as long as this is not ok. */
  readonly needed: boolean;
  readonly detail: string;
  /** What to do where it is not ok. */
  readonly remedy?: string;
}

export function ok(name: string, detail: string): Check {
  return { name, status: 'ok', needed: false, detail };
}

export function missing(name: string, detail: string, remedy: string): Check {
  return { name, status: 'missing', needed: true, detail, remedy };
}

export function problem(name: string, detail: string, remedy: string): Check {
  return { name, status: 'problem', needed: true, detail, remedy };
}

/** The same, for something that Harbor runs without, or gets by itself when first used. */
export function optional(check: Check): Check {
  return { ...check, needed: false };
}
