import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DeviceFault } from '../../../src/runtime/device-faults.js';
import type { ProfileRow } from '../../../src/runtime/operator-profile.js';
import type { Placement } from '../../../src/runtime/placement.js';
import type { PassPlacement } from '../../../src/runtime/placement-shapes.js';
import { passTables } from '../../../src/stages/run/pass-tables.js';
import { placementHtml } from '../../../src/stages/run/placement-html.js';
import { placementPage } from '../../../src/stages/run/placement-page.js';

const hostile = '<script>alert("1")</script> & <img src=x>';
const placement: Placement = {
  rows: [
    { operator: hostile, type: 'MatMul', device: 'cpu', reason: hostile, shape: { k: 8, n: 4 }, macsPerToken: 32 },
    { operator: 'norm', type: 'LayerNormalization', device: 'cpu', reason: 'not a product', macsPerToken: 0 },
  ],
  offloaded: new Map(),
  npuCoverage: 0,
};
const profile: readonly ProfileRow[] = [
  {
    ...{ tokens: 5, operator: hostile, type: 'MatMul', device: 'cpu', reason: hostile, shape: { m: 5, k: 8, n: 4 } },
    ...{ timeMs: 1.5, share: 0.75, macs: 160, bytes: 2048 },
  },
];

function pass(tokens: number, devices: readonly string[]): PassPlacement {
  const operators = devices.map((device, index) => ({
    ...{ operator: `layer${index}`, device, shape: { m: tokens, k: 8, n: 4 }, macs: 32 * tokens, bytes: 64 },
  }));
  const away = devices.filter((device) => device !== 'cpu').length;
  return { tokens, npuCoverage: away / devices.length, offloadedOperators: away, operators };
}

test('the page for browsers runs nothing, loads nothing and shows what models say as text', () => {
  const fault: DeviceFault = { operator: 'q', device: 'plugin:x', during: 'run', message: hostile };
  const html = placementHtml(passTables(placement, [1, 5], profile), [hostile, 'cpu'], [fault]);
  const tags = html.match(/<[^>]*>/g)?.join(' ') ?? '';
  assert.not.match(tags, /<(script|img|link|iframe)|\s(src|href|on\w+)=/i);
  assert.not.match(html, /url\(|@import/);
  assert.is(html.match(/&#60;script&#62;alert\(&#34;1&#34;\)/g)?.length, 6);
  assert.match(html, /<li>q: plugin:x failed to run it: &#60;script/);
});

test('a pass that was profiled has measured times, the others what is known of them', () => {
  const [decode, prefill] = passTables(placement, [1], profile);
  assert.equal([decode?.tokens, decode?.macs, decode?.operators.length], [1, 32, 2]);
  assert.is(decode?.operators[0]?.measured, undefined);
  assert.equal(decode?.operators[0]?.shape, { m: 1, k: 8, n: 4 });
  assert.equal([prefill?.tokens, prefill?.macs], [5, 160]);
  assert.equal(prefill?.operators[0]?.measured, { timeMs: 1.5, share: 0.75 });
  const html = placementHtml(passTables(placement, [1], profile), ['cpu'], []);
  assert.match(html, /<tr><td>5 tokens \(prefill\)<\/td><td class="number">0<\/td><td class="number">160<\/td>/);
  assert.match(html, /5 x 8 x 4<\/td><td>cpu<\/td>.*160<\/td>.*2.00 KiB<\/td>.*1\.500<\/td>.*75\.00%<\/td><\/tr>/);
});

test('a section lists the operators that prompts have elsewhere than tokens', () => {
  const page = (...passes: PassPlacement[]): string => placementPage(placement, passes, ['npu:stx', 'cpu'], []);
  assert.not.match(page(pass(1, ['cpu', 'npu:stx']), pass(8, ['cpu', 'npu:stx'])), /Where passes differ/);
  const different = page(pass(1, ['cpu', 'npu:stx']), pass(8, ['npu:stx', 'npu:stx']));
  assert.ok(
    different.endsWith(
      [
        '## Where passes differ',
        '',
        '| operator | one token (decode) | 8 tokens (prefill) |',
        '| --- | --- | --- |',
        '| share of MACs | 50.00% | 100.00% |',
        '| layer0 | cpu | npu:stx |',
        '',
      ].join('\n'),
    ),
  );
});

test.run();
