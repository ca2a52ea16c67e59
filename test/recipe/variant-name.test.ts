import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Json } from '../../src/json.js';
import {
  isSelected,
  parseReference,
  type VariantValue,
  valueText,
  variantName,
} from '../../src/recipe/variant-name.js';

const values: readonly (readonly [value: Json, text: string])[] = [
  [4, '4'],
  [0.5, '0.5'],
  [true, 'true'],
  [null, 'null'],
  ['w8a8', 'w8a8'],
  ['./a/b-c.d:e', './a/b-c.d:e'],
  ['', '""'],
  ['a b', '"a b"'],
  ['a,b=[c]', '"a,b=[c]"'],
  ['say "x"', '"say \\"x\\""'],
  ['two\nlines', '"two\\nlines"'],
  [['cpu', 1], '["cpu",1]'],
  [{ b: 1, a: { c: [] } }, '{"a":{"c":[]},"b":1}'],
];
for (const [value, text] of values) {
  test(`${JSON.stringify(value)} stands in a name as ${text}`, () => assert.is(valueText(value), text));
}

test('a reference without values is a plain name', () => {
  assert.equal(parseReference('rtn'), { stage: 'rtn', selected: new Map() });
  for (const text of ['', '[a=1]', 'a[', 'a]', 'a[]', 'a[b]', 'a[b=]', 'a[=1]', 'a[b=1]c']) {
    assert.is(parseReference(text), undefined, text);
  }
});

test('the name of a variant refers to it and to no variant with other values', () => {
  const key = fc.constantFrom('a', 'b-c', 'd_1');
  const json = fc.jsonValue({ maxDepth: 2 }).map((value) => value as Json);
  const variant = fc
    .uniqueArray(fc.tuple(key, json), { selector: ([name]) => name, minLength: 1 })
    .map((pairs) => pairs.map(([name, value]): VariantValue => ({ key: name, value, text: valueText(value) })));
  fc.assert(
    fc.property(variant, variant, (one, other) => {
      const reference = parseReference(variantName('s', one));
      if (reference === undefined) throw new Error(variantName('s', one));
      assert.is(reference.stage, 's');
      assert.equal(
        [...reference.selected],
        one.map(({ key: name, text }) => [name, text]),
      );
      assert.ok(isSelected(one, reference));
      const covers = one.every(({ key: name, text }) =>
        other.some((value) => value.key === name && value.text === text),
      );
      assert.is(isSelected(other, reference), covers);
    }),
  );
});

test.run();
