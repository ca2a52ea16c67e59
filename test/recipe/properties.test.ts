import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { renderDiagnostics } from '../../src/recipe/frame.js';
import { type LoadedRecipe, parseRecipe } from '../../src/recipe/load.js';
import { parseTemplate } from '../../src/recipe/template.js';
import { fakeKinds } from './fake-kinds.js';

const variable = '$' + '{a}';

const fragments = [
  'quern: 1',
  'stages:',
  'vars:',
  'kind: load',
  'kind: run',
  'kind: [',
  'gates: { a: { max: 3% } }',
  'model: a',
  'source: x',
  'a:',
  'b:',
  '- ',
  'matrix: { layers: [1, 2] }',
  'matrix:',
  'kind: table',
  'of: [a, b]',
  'defaults: { load: { layers: 1 } }',
  'model: "a[layers=1]"',
  '? ',
  ': ',
  '{',
  '}',
  '[',
  ']',
  ', ',
  '*a',
  '&a ',
  '!!map',
  '!x',
  '"',
  "'",
  '|',
  '>',
  '#',
  '%YAML 1.1',
  '---',
  '...',
  '\n',
  '\n  ',
  '\n    ',
  '\t',
  '\r\n',
  variable,
  `"${variable}"`,
  '$${',
  '"${',
  '<<: *a',
  '__proto__: 1',
  '~',
  '.nan',
  '1e999',
  `devices: [{ npu: "${variable}" }]`,
  '\u0000',
  '\ud800',
  '\ufeff',
  '😀',
];

function parse(text: string, set: ReadonlyMap<string, string> = new Map()): LoadedRecipe {
  return parseRecipe(text, 'r.yaml', { kinds: fakeKinds, set });
}

/** A recipe or diagnostics that point into the text and can be shown. */
function assertSound(text: string, loaded: LoadedRecipe): void {
  if (loaded.ok) {
    assert.ok(loaded.recipe.stages.length > 0);
    return;
  }
  assert.ok(loaded.diagnostics.length > 0);
  const lineCount = text.split('\n').length;
  for (const { location } of loaded.diagnostics) {
    const { line = 1, column = 1, length = 1 } = location;
    assert.ok(line >= 1 && line <= lineCount && column >= 1 && length >= 1, JSON.stringify(location));
  }
  assert.ok(
    renderDiagnostics(loaded.diagnostics, loaded.texts).endsWith(
      loaded.diagnostics.length === 1 ? ' error.' : ' errors.',
    ),
  );
}

const yamlLike = fc.array(fc.constantFrom(...fragments), { maxLength: 30 }).map((parts) => parts.join(''));

test('no text makes the parser throw', () => {
  const text = fc.oneof(yamlLike, fc.string({ unit: 'binary', maxLength: 200 }));
  fc.assert(
    fc.property(text, (given) => assertSound(given, parse(given))),
    { numRuns: 800 },
  );
});

test('no stage and no setting makes the parser throw', () => {
  fc.assert(
    fc.property(yamlLike, yamlLike, (stage, setting) => {
      const text = `quern: 1\nvars: { a: 1 }\nstages:\n  a: { kind: load, source: x }\n  b: ${stage}\n`;
      assertSound(text, parse(text, new Map([['a', setting]])));
    }),
    { numRuns: 300 },
  );
});

test('any JSON value may stand for a stage, a parameter or a variable', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), fc.jsonValue(), (parameter, variable) => {
      const recipe = {
        quern: 1,
        vars: { a: variable },
        defaults: { run: variable, load: parameter },
        stages: {
          a: { kind: 'load', source: parameter },
          b: parameter,
          c: { kind: 'run', model: 'a', devices: [parameter] },
          d: { kind: 'load', source: 'x', matrix: parameter },
          e: { kind: 'load', matrix: { source: [parameter, 'x'], layers: parameter } },
          f: { kind: 'table', of: parameter },
        },
      };
      const text = JSON.stringify(recipe);
      assertSound(text, parse(text));
    }),
    { numRuns: 300 },
  );
});

test('escaping `${` gives the text back', () => {
  const part = fc.constantFrom('$', '{', '}', '${', 'a', variable);
  const plain = fc.array(part, { maxLength: 12 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(plain, (text) => {
      const parts = parseTemplate(text.replaceAll('${', () => '$${'));
      assert.is(parts.map((one) => (one.type === 'text' ? one.text : '?')).join(''), text);
    }),
  );
});

test.run();
