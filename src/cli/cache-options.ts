/** Options that every verb of `quern cache` takes. */
export interface CacheOptions {
  readonly json?: boolean;
  readonly cache?: string;
}

/** Options of `quern cache gc`. */
export interface GcCommandOptions extends CacheOptions {
  /** Bytes. */
  readonly maxSize?: number;
  /** Milliseconds. */
  readonly maxAge?: number;
  /** Bytes. */
  readonly minFree?: number;
  readonly pinsOnly?: boolean;
  readonly dryRun?: boolean;
}

/** Options of `quern cache verify`. */
export interface VerifyCommandOptions extends CacheOptions {
  readonly repair?: boolean;
}

/** Options of `quern cache pin`. */
export interface PinCommandOptions extends CacheOptions {
  readonly list?: boolean;
}
