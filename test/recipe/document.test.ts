import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { check, diagnose } from './diagnose.js';

check('syntax', [
  ['empty file', '', ['1:1 the recipe is empty; `quern init` writes one to start from']],
  ['comment alone', '# nothing\n', ['1:1 the recipe is empty; `quern init` writes one to start from']],
  ['null document', '---\n~\n', ['1:1 the recipe is empty; `quern init` writes one to start from']],
  ['a list', '- a\n', ['1:1 a recipe is a mapping with the keys `quern` and `stages`, not a list']],
  ['a text', 'quern\n', ['1:1 a recipe is a mapping with the keys `quern` and `stages`, not a single value']],
  [
    'tab as indentation',
    'quern: 1\nstages:\n\ta: {}\n',
    ['3:1 YAML does not allow tabs as indentation; indent with spaces'],
  ],
  ['two documents', 'quern: 1\n---\nquern: 1\n', ['2:1 a second YAML document starts here; a file holds one']],
  ['YAML 1.1', '%YAML 1.1\n---\nquern: 1\n', ['1:1 only YAML 1.2 is supported; remove the %YAML line']],
  [
    'unquoted variable in a mapping',
    `vars: { a: 1 }\nstages: { s: { kind: \${a} } }\n`,
    [`2:22 \`\${a}\` has to be quoted inside { } and [ ]; write "\${a}"`],
  ],
  [
    'unquoted variable in a list',
    `vars: { a: [\${b}, 2] }\n`,
    [`1:13 \`\${b}\` has to be quoted inside { } and [ ]; write "\${b}"`],
  ],
  ['unclosed quote', 'description: "OPT\n', ['1:17 a text in " " is not closed']],
  ['unclosed list', 'vars: { a: [1, 2 }\n', ['1:18 a list in [ ] is not closed']],
  [
    'colon in a text',
    'description: OPT: small\n',
    ['1:14 a mapping can\'t start here; quote a text that contains ": "'],
  ],
  [
    'reserved character',
    'description: @opt\n',
    ['1:14 plain value cannot start with reserved character @; quote the text'],
  ],
  ['unknown tag', 'description: !secret x\n', ['1:14 the tag !secret has no meaning here']],
  ['binary tag', 'description: !!binary aGk=\n', ['1:14 the tag !!binary has no meaning here']],
  ['key that is a list', '[a]: 1\n', ['1:1 a key has to be a plain name']],
  ['unknown anchor', 'vars: { a: *b }\n', ['1:12 unknown anchor `b`']],
  ['anchor inside itself', 'vars: &a { b: *a }\n', ['1:15 unknown anchor `a`']],
  ['not a number', 'vars: { a: .nan }\n', ['1:12 .nan is not a finite number']],
  ['infinite', 'vars: { a: -.inf }\n', ['1:12 -.inf is not a finite number']],
  [
    'inexact number',
    'vars: { seed: 12345678901234567890 }\n',
    ['1:15 12345678901234567890 is too large to be an exact number'],
  ],
  ['half of a surrogate pair', 'description: "\\ud800"\n', ['1:14 text with half of a surrogate pair']],
  ['deep nesting', `vars: ${'['.repeat(101)}${']'.repeat(101)}\n`, ['1:106 nested more than 100 levels deep']],
]);

check('outline', [
  ['nothing but a version', 'quern: 1\n', ['1:1 the recipe has no stages']],
  [
    'missing version',
    'stages: { a: { kind: load, source: x } }\n',
    ['1:1 the recipe has no `quern`; add `quern: 1`, the version of the recipe language'],
  ],
  [
    'other version',
    'quern: 2\nstages: { a: { kind: load, source: x } }\n',
    ['1:8 `quern` must be 1, the version of the recipe language, got 2'],
  ],
  [
    'version as a text',
    'quern: "1"\nstages: { a: { kind: load, source: x } }\n',
    ['1:8 `quern` must be 1, the version of the recipe language, got "1"'],
  ],
  [
    'misspelt keys',
    'qern: 1\nstage: { a: { kind: load, source: x } }\n',
    ['1:1 unknown key `qern`; did you mean `quern`?', '2:1 unknown key `stage`; did you mean `stages`?'],
  ],
  [
    'key of something else',
    'quern: 1\npipeline: []\nstages: { a: { kind: load, source: x } }\n',
    ['2:1 unknown key `pipeline`; known are quern, description, extends, include, vars, defaults, stages'],
  ],
  ['no stages', 'quern: 1\nstages: {}\n', ['2:1 the recipe has no stages']],
  ['empty stages', 'quern: 1\nstages:\n', ['2:1 the recipe has no stages']],
  ['stages as a list', 'quern: 1\nstages: [load]\n', ['2:9 `stages` must be a mapping, got a list of 1 entry']],
  [
    'vars as a list',
    'quern: 1\nvars: [a]\nstages: { a: { kind: load, source: x } }\n',
    ['2:7 `vars` must be a mapping, got a list of 1 entry'],
  ],
  [
    'description as a list',
    'quern: 1\ndescription: [a]\nstages: { a: { kind: load, source: x } }\n',
    ['2:14 `description` must be a text, got a list of 1 entry'],
  ],
  [
    'key given twice',
    'quern: 1\nquern: 2\nstages: { a: { kind: load, source: x } }\n',
    ['2:1 `quern` is given twice; the first one is in line 1'],
  ],
]);

test('doubling aliases are stopped', () => {
  const doubled = Array.from({ length: 40 }, (_, index) => `  v${index + 1}: &v${index + 1} [*v${index}, *v${index}]`);
  const text = `vars:\n  v0: &v0 x\n${doubled.join('\n')}\n`;
  assert.equal(diagnose(text), ['14:14 aliases expand to more than 10000 values']);
});

test('deeply nested blocks are stopped', () => {
  assert.equal(diagnose('- '.repeat(100_000)), ['1:200 nested more than 100 levels deep']);
});

test.run();
