/** Runs the test files that it is called with one after the other in this process. */
import { relative } from 'node:path';
import { run } from 'uvu/run';

const files = process.argv.slice(2);
await run(files.map((file) => ({ name: relative(import.meta.dirname, file), file })));
