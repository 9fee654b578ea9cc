/** Tells one listener that something has happened, however often, since it last listened. */
export class Bell {
  private rung = false;
  private listener: (() => void) | undefined;

  ring(): void {
    this.rung = true;
    this.listener?.();
  }

  /** Resolves once it has been rung, at the latest after so many milliseconds or when the signal is aborted. */
  async heard(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.rung && !signal.aborted) await this.next(ms, signal);
    this.rung = false;
  }

  private next(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.listener = undefined;
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done);
      this.listener = done;
    });
  }
}
