import { test } from 'uvu';
import { check } from './diagnose.js';

/** A recipe with two stages before those of the text. */
function inRecipe(text: string): string {
  return `quern: 1\nstages:\n  float: { kind: load, source: x }\n  stats: { kind: calibrate, model: float, dataset: { text: t } }\n${text.replace(/^/gm, '  ')}\n`;
}

check(
  'stage',
  [
    [
      'not a mapping',
      's: load',
      ['5:6 the stage `s` must be a mapping, got "load"; for example { kind: load, source: ./model }'],
    ],
    ['empty', 's:', ['5:3 the stage `s` must be a mapping, got nothing; for example { kind: load, source: ./model }']],
    [
      'bad name',
      '1st: { kind: load, source: x }',
      ['5:3 `1st` is not a name for a stage; use letters, digits, _ and -'],
    ],
    [
      'no kind',
      's: { source: x }',
      ['5:3 the stage `s` has no `kind`; kinds are load, calibrate, smoothquant, quantize, run, export, table'],
    ],
    [
      'kind that is no name',
      's: { kind: [load], source: x }',
      [
        '5:14 `kind` must be the name of a kind, got a list of 1 entry; kinds are load, calibrate, smoothquant, quantize, run, export, table',
      ],
    ],
    [
      'misspelt kind, not checked further',
      's: { kind: laod, sorce: 1, model: nowhere }',
      ['5:14 unknown kind `laod`; did you mean `load`?'],
    ],
    [
      'unknown kind',
      's: { kind: teleport }',
      ['5:14 unknown kind `teleport`; kinds are load, calibrate, smoothquant, quantize, run, export, table'],
    ],
    [
      'stage given twice',
      's: { kind: load, source: x }\ns: { kind: load }',
      ['6:3 `s` is given twice; the first one is in line 5'],
    ],
    [
      'misspelt parameter',
      's: { kind: load, source: x, layrs: 2 }',
      ['5:31 unknown parameter `layrs` of kind load; did you mean `layers`?'],
    ],
    [
      'unknown parameter',
      's: { kind: load, source: x, colour: 2 }',
      [
        '5:31 unknown parameter `colour` of kind load; known are source, format, layers, keep, kind, gates, resources, matrix',
      ],
    ],
    [
      'misspelt required parameter is one mistake',
      's: { kind: load, soruce: x }',
      ['5:20 unknown parameter `soruce` of kind load; did you mean `source`?'],
    ],
    [
      'misspelt gates',
      's: { kind: load, source: x, gate: {} }',
      ['5:31 unknown parameter `gate` of kind load; did you mean `gates`?'],
    ],
    ['missing parameter', 's: { kind: load }', ['5:3 missing parameter `source` of kind load']],
    ['empty parameter', 's: { kind: load, source: }', ['5:20 `source` must be a text that is not empty, got nothing']],
    ['empty text', 's: { kind: load, source: "" }', ['5:28 `source` must be a text that is not empty, got ""']],
    [
      'not one of',
      's: { kind: load, source: x, format: tourch }',
      ['5:39 `format` must be one of auto, safetensors, torch, got "tourch"; did you mean `torch`?'],
    ],
    [
      'too small',
      's: { kind: load, source: x, layers: 0 }',
      ['5:39 `layers` must be a whole number of at least 1, got 0'],
    ],
    [
      'not whole',
      's: { kind: load, source: x, layers: 1.5 }',
      ['5:39 `layers` must be a whole number of at least 1, got 1.5'],
    ],
    ['not true or false', 's: { kind: load, source: x, keep: yes }', ['5:37 `keep` must be true or false, got "yes"']],
    [
      'above a limit',
      's: { kind: run, model: float, threshold: 0 }',
      ['5:44 `threshold` must be a number above 0, got 0'],
    ],
    [
      'neither a number nor a word',
      's: { kind: smoothquant, model: float, stats: stats, alpha: x }',
      ['5:62 `alpha` must be a number between 0 and 1 or `auto`, got "x"'],
    ],
    [
      'number out of range',
      's: { kind: smoothquant, model: float, stats: stats, alpha: 2 }',
      ['5:62 `alpha` must be a number between 0 and 1 or `auto`, got 2'],
    ],
    [
      'nested: missing',
      's: { kind: calibrate, model: float, dataset: { windows: 2 } }',
      ['5:39 `dataset` has no `text`'],
    ],
    [
      'nested: misspelt',
      's: { kind: calibrate, model: float, dataset: { txt: a } }',
      ['5:50 unknown key `txt` in `dataset`; did you mean `text`?'],
    ],
    [
      'nested: wrong type',
      's: { kind: calibrate, model: float, dataset: wikitext }',
      ['5:48 `dataset` must be a mapping with `text`, got "wikitext"'],
    ],
    [
      'nested block is marked by its key',
      's:\n  kind: load\n  source:\n    a: 1',
      ['7:5 `source` must be a text that is not empty, got a mapping'],
    ],
    [
      'list entry twice',
      's: { kind: calibrate, model: float, dataset: { text: x }, collect: [gram, absmax, gram] }',
      ['5:70 `collect` has "gram" twice'],
    ],
    [
      'list too short',
      's: { kind: quantize, model: float, rules: [] }',
      ['5:45 `rules` must be a list of at least 1 entry, got an empty list'],
    ],
    [
      'behind a reference',
      's: { kind: quantize, model: float, rules: [{ match: a, scheme: w8a }, { scheme: w8a8 }] }',
      [
        '5:66 `rules[0].scheme` must be one of w8a8, w4-nbits, got "w8a"; did you mean `w8a8`?',
        '5:73 `rules[1]` has no `match`',
      ],
    ],
    [
      'alternatives: wrong word',
      's: { kind: run, model: float, devices: [gpu] }',
      ['5:43 `devices[0]` must be `cpu`, a mapping with `npu` or a mapping with `library`, got "gpu"'],
    ],
    [
      'alternatives: wrong member of the one meant',
      's: { kind: run, model: float, devices: [{ npu: stx2 }] }',
      ['5:50 `devices[0].npu` must be one of phx, stx, got "stx2"; did you mean `stx`?'],
    ],
    [
      'alternatives: unknown key in all',
      's: { kind: run, model: float, devices: [{ npo: stx }] }',
      ['5:45 unknown key `npo` in `devices[0]`; did you mean `npu`?'],
    ],
    [
      'alternatives: wrong type',
      's: { kind: run, model: float, devices: [3] }',
      ['5:43 `devices[0]` must be `cpu`, a mapping with `npu` or a mapping with `library`, got 3'],
    ],
    [
      "what the schema can't express",
      's: { kind: quantize, model: float, rules: [{ match: a, bits: 3 }] }',
      ['5:64 3 bits need a group size'],
    ],
    [
      'wrong parameters are not judged further',
      's: { kind: quantize, model: float, rules: [{ match: 7, bits: 3 }] }',
      ['5:55 `rules[0].match` must be a text, got 7'],
    ],
    [
      'an aliased stage is marked where its text stands',
      's: &s { kind: load, source: x, layers: 0 }\nt: *s',
      ['5:42 `layers` must be a whole number of at least 1, got 0'],
    ],
  ],
  inRecipe,
);

check(
  'input',
  [
    ['missing', 's: { kind: run }', ['5:3 missing parameter `model` of kind run; it names a stage']],
    [
      'misspelt',
      's: { kind: run, modle: float }',
      ['5:19 unknown parameter `modle` of kind run; did you mean `model`?'],
    ],
    [
      'not a name',
      's: { kind: run, model: [float] }',
      ['5:26 `model` must be the name of a stage, got a list of 1 entry'],
    ],
    ['unknown stage', 's: { kind: run, model: flaot }', ['5:26 unknown stage `flaot`; did you mean `float`?']],
    [
      'wrong artifact',
      's: { kind: smoothquant, model: stats, stats: float }',
      [
        '5:34 `model` needs a model, but `stats` is a calibrate stage, which makes stats',
        '5:48 `stats` needs stats, but `float` is a load stage, which makes a model',
      ],
    ],
    [
      'wrong artifact for two types',
      's: { kind: run, model: stats }',
      ['5:26 `model` needs a model or an exported directory, but `stats` is a calibrate stage, which makes stats'],
    ],
    [
      'broken stage may be named',
      's: { kind: run, model: t }\nt: { kind: quantise, model: float }',
      ['6:14 unknown kind `quantise`; did you mean `quantize`?'],
    ],
    [
      'cycle of one',
      's: { kind: quantize, model: s, rules: [{ match: a }] }',
      ['5:31 stages depend on each other in a cycle: s -> s'],
    ],
    [
      'cycle of two and what depends on it',
      'r: { kind: run, model: b }\na: { kind: quantize, model: b, rules: [{ match: a }] }\nb: { kind: quantize, model: a, rules: [{ match: a }] }',
      ['6:31 stages depend on each other in a cycle: a -> b -> a'],
    ],
  ],
  inRecipe,
);

check(
  'gates',
  [
    [
      'not a mapping',
      '3',
      ['3:38 `gates` must be a mapping from metrics to limits, got 3; for example { perplexity: { max: 20 } }'],
    ],
    [
      'limit without a name',
      '{ loss: 3 }',
      ['3:46 the gate of `loss` must be a mapping with `min`, `max` or `equals`, got 3'],
    ],
    [
      'empty limit',
      '{ loss: {} }',
      ['3:46 the gate of `loss` must be a mapping with `min`, `max` or `equals`, got an empty mapping'],
    ],
    [
      'unknown limit',
      '{ loss: { maximum: 3 } }',
      ['3:48 unknown key `maximum` in a gate; a gate has `min`, `max` or `equals`'],
    ],
    ['misspelt limit', '{ loss: { maxx: 3 } }', ['3:48 unknown key `maxx` in a gate; did you mean `max`?']],
    ['not a number', '{ loss: { max: low } }', ['3:53 `max` must be a number or a percentage such as 3%, got "low"']],
    [
      'impossible',
      '{ loss: { min: 5%, max: 0.01 } }',
      ['3:46 no value passes the gate of `loss`: its `min` is greater than its `max`'],
    ],
  ],
  (gates) => `quern: 1\nstages:\n  s: { kind: load, source: x, gates: ${gates} }\n`,
);

test.run();
