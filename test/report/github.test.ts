import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { StageOutcome } from '../../src/build/events.js';
import { annotationCommand } from '../../src/report/github/annotations.js';
import { stepSummary } from '../../src/report/github/step-summary.js';
import { junitXml } from '../../src/report/junit.js';

const outcome = (changes: Partial<StageOutcome>): StageOutcome => ({
  name: 'one',
  kind: 'probe',
  key: null,
  status: 'built',
  digest: null,
  durationMs: 1500,
  cpuMs: 0,
  peakRssBytes: 0,
  metrics: {},
  gates: [],
  ...changes,
});

const gate = (ok: boolean) => ({ name: 'perplexityIncrease max 3%', limit: 0.03, value: ok ? 0.01 : 0.04, ok });

test('an annotation is one line, escaped as GitHub reads it', () => {
  const command = annotationCommand(
    {
      level: 'error',
      title: 'a: b, c%',
      message: 'first 100%\r\nsecond: x, y',
      location: { file: join(process.cwd(), 'recipes', 'a,b.yaml'), line: 3, column: 5, length: 4 },
    },
    process.cwd(),
  );
  assert.is(
    command,
    '::error file=recipes/a%2Cb.yaml,line=3,col=5,endColumn=9,title=a%3A b%2C c%25::first 100%25%0D%0Asecond: x, y',
  );
});

test('an annotation without a place has a title alone, and a file outside the checkout keeps its name', () => {
  assert.is(annotationCommand({ level: 'warning', title: 't', message: 'm' }, '/w'), '::warning title=t::m');
  assert.is(
    annotationCommand({ level: 'error', title: 't', message: 'm', location: { file: '/other/r.yaml' } }, '/w'),
    '::error file=/other/r.yaml,title=t::m',
  );
});

test('the step summary has a row for each stage and gate', () => {
  const text = stepSummary({
    recipe: 'r.yaml',
    status: 'gate',
    durationMs: 2000,
    stages: [
      outcome({ headline: 'perplexity 96.6 | <b>', gates: [gate(true), gate(false)] }),
      outcome({ name: 'two', status: 'failed', error: { message: 'line\nbreak' } }),
      outcome({ name: 'three', status: 'cached', headline: 'h' }),
    ],
  });
  assert.match(text, /^### quern build r\.yaml: gate in 2\.00 s\n\n/);
  assert.match(text, /\n\| one \| probe \| built \| 1\.50 s \| perplexity 96\.6 &#124; &#60;b&#62; \|\n/);
  assert.match(text, /\n\| two \| probe \| \*\*failed\*\* \| {2}\| line break \|\n/);
  assert.match(text, /\n\| three \| probe \| cached \| {2}\| h \|\n/);
  assert.match(text, /\n\| one \| perplexityIncrease max 3% \| 0\.01 \| held \|\n/);
  assert.match(text, /\n\| one \| perplexityIncrease max 3% \| 0\.04 \| \*\*missed\*\* \|\n/);
});

test('JUnit: failed stages are errors, missed gates failures, and what did not run is skipped', () => {
  const text = junitXml({
    recipe: 'r.yaml',
    status: 'failed',
    durationMs: 2000,
    stages: [
      outcome({ gates: [gate(true), gate(false)] }),
      outcome({ name: 'two', status: 'failed', error: { message: 'a "quote" & <tag>\u0007', suggestion: 'do this' } }),
      outcome({ name: 'three', status: 'skipped', error: { message: 'its input two was not built' } }),
    ],
  });
  assert.match(text, /<testsuite name="r\.yaml" tests="5" failures="1" errors="1" skipped="1" time="2\.000">/);
  assert.match(text, /<testcase classname="one" name="one \(probe\)" time="1\.500"\/>/);
  assert.match(text, /<failure message="perplexityIncrease max 3%, but it is 0\.04">/);
  assert.match(text, /<error message="a &#34;quote&#34; &#38; &#60;tag&#62;\uFFFD">a [^<]*&#10;do this<\/error>/);
  assert.match(text, /<skipped message="its input two was not built"\/><\/testcase>/);
});

test.run();
