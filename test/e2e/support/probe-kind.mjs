/**
 * A stage kind for tests, which decide through files in the directory `QUERN_PROBE` what happens and when:
 * every run adds a line to `runs`; the steps of the recipe are then done in order.
 */
import { appendFileSync, existsSync, linkSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

const pollMs = 5;

function control(name) {
  const directory = process.env.QUERN_PROBE;
  if (directory === undefined) throw new Error('a probe needs the environment variable QUERN_PROBE');
  return join(directory, name);
}

async function waitFor(name) {
  while (!existsSync(control(name))) {
    await setTimeout(pollMs);
    // Like any work that reports, it ends when nobody waits for it any more.
    if (!process.connected) process.exit(1);
  }
}

const actions = {
  /** Writes files of the artifact: path -> text. */
  write: (files, { outputDirectory }) => {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(outputDirectory, path)), { recursive: true });
      writeFileSync(join(outputDirectory, path), text);
    }
  },
  /** Copies all files of the inputs into one file, with their names. */
  gather: (path, { inputs, outputDirectory }) => {
    const lines = Object.entries(inputs).flatMap(([input, directory]) =>
      readdirSync(directory, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => `${input}/${entry.name}: ${readFileSync(join(entry.parentPath, entry.name), 'utf8')}`),
    );
    writeFileSync(join(outputDirectory, path), lines.sort().join('\n'));
  },
  /** Writes how many probes have run: what a stage writes a second time is something else. */
  countRuns: (path, { outputDirectory }) => {
    const runs = readFileSync(control('runs'), 'utf8').trimEnd().split('\n').length;
    writeFileSync(join(outputDirectory, path), JSON.stringify({ runs }));
  },
  /** Tells the test that this point is reached, and by which process. */
  reach: (name) => writeFileSync(control(name), String(process.pid)),
  wait: (name) => waitFor(name),
  /** Writes a file of the artifact as a part of the work. Where it has to be made, that is noted in `parts`. */
  part: async ({ name, text, during = [] }, context) => {
    const inputs = Object.keys(context.inputs);
    const directory = await context.part({ unit: 'pieces', inputs, description: { name, text } }, async (place) => {
      appendFileSync(control('parts'), `${name}\n`);
      await follow(during, context);
      writeFileSync(join(place, name), text);
    });
    linkSync(join(directory, name), join(context.outputDirectory, name));
  },
  /** For measurements only: tests wait for what happens. */
  sleep: (milliseconds) => setTimeout(milliseconds),
  progress: ([done, total], context) => context.report({ done, total, unit: 'steps' }),
  log: (line, context) => context.log(line),
  fail: (message) => {
    throw new Error(message);
  },
  /** Fails once the test has made this signal. */
  failIf: (name) => {
    if (existsSync(control(name))) throw new Error(`there is ${name}`);
  },
  exit: (code) => process.exit(code),
  kill: (signal) => {
    process.kill(process.pid, signal);
    return new Promise(() => {});
  },
  /** Fills memory, up to so many MiB. */
  allocate: (mebibytes) => {
    globalThis.kept = Buffer.alloc(mebibytes * 2 ** 20, 1);
  },
};

async function follow(steps, context) {
  for (const step of steps) {
    const [[name, argument]] = Object.entries(step);
    await actions[name](argument, context);
  }
}

async function work(context) {
  appendFileSync(control('runs'), `${context.parameters.id}\n`);
  await follow(context.parameters.steps, context);
  return { metrics: { ...context.parameters.metrics } };
}

const probe = {
  name: 'probe',
  version: 1,
  summary: 'Does what a test wants',
  produces: 'report',
  parameters: {
    type: 'object',
    properties: {
      id: { type: 'string' },
      steps: { type: 'array', items: { type: 'object' }, default: [] },
      metrics: { type: 'object', default: {} },
      to: { type: 'string' },
      file: { type: 'string' },
    },
    required: ['id'],
    additionalProperties: false,
  },
  inputs: {
    first: { accepts: ['report'], required: false },
    second: { accepts: ['report'], required: false },
    of: { accepts: ['report'], required: false, list: true },
  },
  cosmetic: ['to'],
  cores: 'one',
  sources: ({ file }) => (file === undefined ? [] : [{ pointer: ['file'], path: file }]),
  destination: ({ to }) => (to === undefined ? undefined : { pointer: ['to'], path: to }),
  headline: () => 'probed',
  load: async () => work,
};

export const kinds = [
  probe,
  /** The second and third result of a series may differ from the first, the fourth may not. */
  { ...probe, name: 'measuring-probe', measures: true, tolerance: 0.7 },
  { ...probe, name: 'machine-probe', machineDependent: true },
];
