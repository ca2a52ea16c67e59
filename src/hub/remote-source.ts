/** A source that is not on this machine, as a stage asks for it. */
export interface RemoteRequest {
  /** The name of the source in the lock file, for example `float.source`. */
  readonly name: string;
  /** `hf:org/name@revision/path` or `url:https://...`. */
  readonly path: string;
  /** Which files of a directory are wanted (names relative to it). */
  readonly select?: (names: readonly string[]) => readonly string[];
  /** Of a `url:`: the hexadecimal sha256 of the file. */
  readonly sha256?: string;
  readonly onProgress?: (progress: RemoteProgress) => void;
  readonly signal?: AbortSignal;
}

export interface RemoteProgress {
  readonly doneBytes: number;
  /** `undefined` if only the server knows. */
  readonly totalBytes: number | undefined;
}

/**
 * What is known of a remote source. Its origin says exactly what it is: `hf:org/name@<commit>`.
 * - `here`: on this machine, by names relative to the source, or by the name of the one file that it is
 * - `elsewhere`: to be downloaded; only said by those who were told not to download
 */
export type RemoteFinding =
  | {
      readonly state: 'here';
      readonly origin: string;
      readonly isFile: boolean;
      readonly files: readonly { readonly name: string; readonly path: string }[];
    }
  | { readonly state: 'elsewhere'; readonly origin: string; readonly sizeBytes: number | undefined };

/** Finds remote sources, and downloads them if it is one that may. Problems are QuernErrors without a location. */
export interface RemoteSources {
  find(request: RemoteRequest): Promise<RemoteFinding>;
}
