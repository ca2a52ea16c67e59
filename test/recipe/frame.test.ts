import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Diagnostic } from '../../src/errors.js';
import { countDiagnostics, renderDiagnostic, renderDiagnostics } from '../../src/recipe/frame.js';
import { parseRecipe } from '../../src/recipe/load.js';
import { fakeKinds } from './fake-kinds.js';

const text = `quern: 1
stages:
  float:
    kind: load
  smooth:

    kind: smoothquant
    model: float
    aplha: 0.5
    stats: stats
`;

const misspelt: Diagnostic = {
  severity: 'error',
  message: 'unknown parameter `aplha` of kind smoothquant',
  location: { file: 'recipes/broken.yaml', line: 9, column: 5, length: 5 },
  suggestion: 'did you mean `alpha`?',
};

function at(line: number, column: number, length = 1): Diagnostic {
  return { severity: 'error', message: 'wrong', location: { file: 'f', line, column, length } };
}

test('a diagnostic is shown in its source lines', () => {
  assert.is(
    renderDiagnostics([misspelt], new Map([['recipes/broken.yaml', text]])),
    `recipes/broken.yaml:9:5 error: unknown parameter \`aplha\` of kind smoothquant
   7 |     kind: smoothquant
   8 |     model: float
>  9 |     aplha: 0.5
     |     ^^^^^ did you mean \`alpha\`?
  10 |     stats: stats
1 error.`,
  );
});

test('the diagnostics of a recipe are shown in the order of the text', () => {
  const recipe = `quern: 1
stages:
  float: { kind: load, source: ./model }
  smooth:
    kind: smoothquant
    stats: stats
    model: flaot
    aplha: 0.5
  stats: { kind: calibrate, model: float, dataset: { text: t.txt } }
`;
  const loaded = parseRecipe(recipe, 'recipes/broken.yaml', { kinds: fakeKinds });
  assert.is(
    loaded.ok || renderDiagnostics(loaded.diagnostics, loaded.texts),
    `recipes/broken.yaml:7:12 error: unknown stage \`flaot\`
   5 |     kind: smoothquant
   6 |     stats: stats
>  7 |     model: flaot
     |            ^^^^^ did you mean \`float\`?
   8 |     aplha: 0.5
recipes/broken.yaml:8:5 error: unknown parameter \`aplha\` of kind smoothquant
   6 |     stats: stats
   7 |     model: flaot
>  8 |     aplha: 0.5
     |     ^^^^^ did you mean \`alpha\`?
   9 |   stats: { kind: calibrate, model: float, dataset: { text: t.txt } }
2 errors.`,
  );
});

test('at the beginning and the end of a text there is less context', () => {
  assert.is(renderDiagnostic(at(1, 1, 5), 'a: 1\n'), 'f:1:1 error: wrong\n>  1 | a: 1\n     | ^^^^');
});

test('empty lines have no trailing space', () => {
  assert.is(renderDiagnostic(at(2, 1), 'a\n\nb\r\n'), 'f:2:1 error: wrong\n   1 | a\n>  2 |\n     | ^\n   3 | b');
});

test('numbers of more than two digits widen the gutter', () => {
  const long = Array.from({ length: 120 }, (_, index) => `k${index + 1}:`).join('\n');
  assert.is(
    renderDiagnostic(at(99, 1, 3), long),
    'f:99:1 error: wrong\n   97 | k97:\n   98 | k98:\n>  99 | k99:\n      | ^^^\n  100 | k100:',
  );
});

test('without a line there is no source', () => {
  const diagnostic: Diagnostic = { severity: 'error', message: 'no such file', location: { file: 'x.yaml' } };
  assert.is(renderDiagnostic(diagnostic, ''), 'x.yaml error: no such file');
  assert.is(renderDiagnostic({ ...diagnostic, suggestion: 'try' }, ''), 'x.yaml error: no such file\n  try');
});

test('carets stand under the range behind tabs and wide characters', () => {
  assert.match(renderDiagnostic(at(1, 3, 2), '\t\tab'), '\n     | \t\t^^');
  assert.match(renderDiagnostic(at(1, 3, 2), '模型ab'), '\n     |     ^^');
});

test('long lines are cropped around the column', () => {
  const frame = renderDiagnostic(at(2, 301, 3), `short\n${'x'.repeat(300)}abc${'y'.repeat(300)}`, { width: 40 });
  assert.is(
    frame,
    `f:2:301 error: wrong
   1 |
>  2 | ...${'x'.repeat(10)}abc${'y'.repeat(21)}...
     | ${' '.repeat(13)}^^^`,
  );
  const atStart = renderDiagnostic(at(1, 1, 500), 'z'.repeat(500), { width: 20 });
  assert.is(atStart, `f:1:1 error: wrong\n>  1 | ${'z'.repeat(17)}...\n     | ${'^'.repeat(20)}`);
});

test('control characters of a recipe do not reach the terminal', () => {
  const diagnostic: Diagnostic = { ...at(1, 1), message: 'bad \u001b[31m', suggestion: 'or\u009b' };
  const frame = renderDiagnostic(diagnostic, 'a: \u001b[2J\n');
  assert.not(frame.includes('\u001b') || frame.includes('\u009b'));
});

test('colours are used only when asked for', () => {
  const hasEscapes = (output: string): boolean => output.includes('\u001b[');
  assert.not(hasEscapes(renderDiagnostic(misspelt, text)));
  assert.ok(hasEscapes(renderDiagnostic(misspelt, text, { color: true })));
});

test('errors and warnings are counted', () => {
  assert.is(countDiagnostics([]), 'No errors.');
  assert.is(countDiagnostics([misspelt, misspelt, { ...misspelt, severity: 'warning' }]), '2 errors, 1 warning.');
});

test.run();
