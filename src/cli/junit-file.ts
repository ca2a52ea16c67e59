import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { QuernError } from '../errors.js';
import type { BuildSummary } from '../report/build-summary.js';

/** Writes a build as JUnit XML, into a directory that is made when it is missing. */
export async function writeJunitFile(file: string, summary: BuildSummary): Promise<void> {
  const { junitXml } = await import('../report/junit.js');
  try {
    await mkdir(dirname(resolve(file)), { recursive: true });
    await writeFile(file, junitXml(summary));
  } catch (error) {
    throw new QuernError('usage', `--junit: ${file} can't be written`, { cause: error });
  }
}
