/** A line of a terminal, on standard error, that says how far something is and is gone when that is done. */
export class StatusLine {
  #length = 0;

  show(line: string): void {
    const text = line.slice(0, (process.stderr.columns ?? 80) - 1);
    process.stderr.write(`\r${text.padEnd(this.#length)}`);
    this.#length = text.length;
  }

  clear(): void {
    if (this.#length > 0) process.stderr.write(`\r${' '.repeat(this.#length)}\r`);
    this.#length = 0;
  }
}
