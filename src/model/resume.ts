/** A session of an attempt's agent that was cut off by a fault of Harbor's, and taken up again in the same sandbox. */
export interface SessionResume {
  /** Names the command that takes it up. */
  readonly command: string;
  readonly sessionId: string;
  /** What cut it off. */
  readonly reason: string;
  /** ISO 8601. */
  readonly at: string;
  /** What stands in the log before the command's own output. */
  readonly mark: string;
  /** Bytes of the log before the command's own output, the mark included. */
  readonly offset: number;
}

/** A time in which an interceptor served nobody. */
export interface Absence {
  readonly since: Date;
  /** Of one that lasts: now. */
  readonly until: Date;
}
