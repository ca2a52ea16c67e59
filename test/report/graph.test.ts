import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { dotText } from '../../src/report/graph/dot.js';
import { layeredLayout } from '../../src/report/graph/layout.js';
import { mermaidText } from '../../src/report/graph/mermaid.js';
import type { RecipeGraph } from '../../src/report/graph/recipe-graph.js';
import { nodeStates } from '../../src/report/graph/recipe-graph.js';
import { svgText } from '../../src/report/graph/svg.js';

const graph: RecipeGraph = {
  nodes: [
    { name: 'float', kind: 'load', state: 'cached' },
    { name: 'stats', kind: 'calibrate', state: 'failed' },
    { name: 'rtn[bits=4,group="a<b"]', kind: 'quantize', state: 'build' },
    { name: 'quality', kind: 'evaluate', state: 'waits' },
  ],
  edges: [
    { from: 'float', to: 'stats', parameter: 'model' },
    { from: 'stats', to: 'rtn[bits=4,group="a<b"]', parameter: 'stats' },
    { from: 'rtn[bits=4,group="a<b"]', to: 'quality', parameter: 'model' },
    { from: 'float', to: 'quality', parameter: 'reference' },
  ],
};

/** Any acyclic graph: edges lead from earlier nodes to later ones. */
const graphs = fc.integer({ min: 1, max: 12 }).chain((count) =>
  fc.array(fc.tuple(fc.nat(count - 1), fc.nat(count - 1)), { maxLength: 24 }).map(
    (pairs): RecipeGraph => ({
      nodes: Array.from({ length: count }, (_, index) => ({
        name: `n${index}`,
        kind: 'probe',
        state: nodeStates[index % nodeStates.length] ?? 'build',
      })),
      edges: pairs
        .filter(([one, other]) => one !== other)
        .map(([one, other], index) => ({
          from: `n${Math.min(one, other)}`,
          to: `n${Math.max(one, other)}`,
          parameter: `p${index}`,
        })),
    }),
  ),
);

test('mermaid text has every stage with its state, and no character that would end a text', () => {
  const text = mermaidText(graph);
  assert.match(text, /^flowchart LR\n {2}s0\["float<br\/>load, cached"\]:::cached\n/);
  assert.match(text, /s2\["rtn#91;bits=4,group=#34;a#60;b#34;#93;<br\/>quantize, to build"\]:::build/);
  assert.match(text, /s0 -->\|"reference"\| s3/);
  assert.match(text, /classDef failed /);
});

test('dot text quotes names', () => {
  const text = dotText(graph);
  assert.match(text, /"rtn\[bits=4,group=\\"a<b\\"\]" \[label="rtn\[bits=4,group=\\"a<b\\"\]\\nquantize, to build"/);
  assert.match(text, /"float" -> "quality" \[label="reference"\];/);
});

test('the drawing escapes names and says states in words', () => {
  const text = svgText(graph);
  assert.match(text, /rtn\[bits=4,group=&#34;a&#60;b&#34;\]/);
  assert.not.match(text, /a<b/);
  assert.match(text, /calibrate, failed last time/);
  assert.is(text.match(/<rect /g)?.length, 4);
});

test('an empty graph is drawn', () => {
  assert.match(svgText({ nodes: [], edges: [] }), /^<svg [^>]*>\n/);
});

test('every edge leads to a later layer, one place a layer', () => {
  fc.assert(
    fc.property(graphs, (drawn) => {
      const { layers, routes } = layeredLayout(drawn);
      assert.is(layers.flat().filter(({ stage }) => stage !== undefined).length, drawn.nodes.length);
      for (const [index, route] of routes.entries()) {
        assert.is(route[0]?.stage, drawn.edges[index]?.from);
        assert.is(route.at(-1)?.stage, drawn.edges[index]?.to);
        for (const [step, place] of route.entries()) assert.is(place.layer, (route[0]?.layer ?? 0) + step);
      }
      for (const layer of layers) {
        assert.equal(
          layer.map(({ order }) => order),
          layer.map((_, order) => order),
        );
      }
    }),
  );
});

test('boxes do not overlap, and the same graph gives the same bytes', () => {
  fc.assert(
    fc.property(graphs, (drawn) => {
      const text = svgText(drawn);
      assert.is(text, svgText(structuredClone(drawn)));
      const boxes = [...text.matchAll(/<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"/g)].map(
        ([, ...numbers]) => numbers.map(Number) as [number, number, number, number],
      );
      assert.is(boxes.length, drawn.nodes.length);
      for (const [index, [x, y, width, height]] of boxes.entries()) {
        for (const [otherX, otherY, otherWidth, otherHeight] of boxes.slice(index + 1)) {
          const apart =
            x + width < otherX || otherX + otherWidth < x || y + height < otherY || otherY + otherHeight < y;
          assert.ok(apart, text);
        }
      }
    }),
  );
});

test('edges of a simple graph do not cross', () => {
  const names = ['a', 'b', 'c', 'd'].map((name) => ({ name, kind: 'probe', state: 'build' as const }));
  const { layers } = layeredLayout({
    nodes: names,
    edges: [
      { from: 'a', to: 'd', parameter: 'x' },
      { from: 'b', to: 'c', parameter: 'x' },
    ],
  });
  assert.equal(
    layers.map((layer) => layer.map(({ stage }) => stage)),
    [
      ['a', 'b'],
      ['d', 'c'],
    ],
  );
});

test.run();
