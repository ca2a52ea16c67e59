import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { writeExported } from '../models/import/exported-golden.js';
import { writeTinyOpt } from '../support/tiny-opt.js';
import type { Project } from './support/project.js';
import { withProject } from './support/project.js';
import type { Outcome } from './support/quern.js';

interface Row {
  readonly name: string;
  /** Writes what the call needs; the recipe is `recipe.yaml`. */
  readonly prepare: (project: Project) => void | Promise<void>;
  /** The arguments of the call; `build recipe.yaml` when left out. */
  readonly call?: readonly string[];
  readonly code: number;
  /** What standard error has to say. */
  readonly says: RegExp | readonly RegExp[];
}

function recipe(stages: string, top = 'quern: 1'): (project: Project) => void {
  return (project) => {
    writeTinyOpt(join(project.directory, 'model'));
    writeFileSync(join(project.directory, 'text.txt'), 'The ship was built in the harbour of the town. '.repeat(40));
    project.write('recipe.yaml', `${top}\nstages:\n${stages}`);
  };
}

const load = '  float: { kind: load, source: ./model }\n';
const stats = '  stats: { kind: calibrate, model: float, dataset: { text: text.txt, windows: 2, length: 16 } }\n';
const evaluate = (dataset: string): string => `  quality: { kind: evaluate, model: float, dataset: ${dataset} }\n`;
const quantize = (rules: string): string => `  int8: { kind: quantize, model: float, rules: ${rules} }\n`;
const dataset = '{ text: text.txt, windows: 2, length: 16 }';

/** A recipe that loads a checkpoint after something was done to it. */
function brokenModel(options: Parameters<typeof writeTinyOpt>[1], damage: (directory: string) => void = () => {}) {
  return (project: Project): void => {
    damage(writeTinyOpt(join(project.directory, 'model'), options));
    project.write('recipe.yaml', `quern: 1\nstages:\n${load}`);
  };
}

/** A recipe that loads an exported graph after something was done to it. */
function brokenExport(damage: (directory: string) => void, source = './model') {
  return (project: Project): void => {
    damage(writeExported(join(project.directory, 'model'), 'opt'));
    project.write('recipe.yaml', `quern: 1\nstages:\n  float: { kind: load, source: ${source} }\n`);
  };
}

function weights(bytes: Buffer | string): (directory: string) => void {
  return (directory) => writeFileSync(join(directory, 'model.safetensors'), bytes);
}

/** A safetensors file with this header and so many bytes behind it. */
function withHeader(header: unknown, dataBytes: number, lengthInFile?: bigint): Buffer {
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(lengthInFile ?? BigInt(text.length));
  return Buffer.concat([length, text, Buffer.alloc(dataBytes)]);
}

const float32 = (begin: number, end: number) => ({
  dtype: 'F32',
  shape: [(end - begin) / 4],
  data_offsets: [begin, end],
});

const rows: readonly Row[] = [
  // The recipe
  {
    name: 'YAML that is not closed',
    prepare: recipe('  float: { kind: load'),
    code: 2,
    says: /recipe\.yaml:\d+:\d+ error: .*not closed/,
  },
  {
    name: 'an empty recipe',
    prepare: (project) => void project.write('recipe.yaml', ''),
    code: 2,
    says: /the recipe is empty/,
  },
  {
    name: 'a tab as indentation',
    prepare: (project) => void project.write('recipe.yaml', 'quern: 1\nstages:\n\tfloat: 1\n'),
    code: 2,
    says: /tabs as indentation/,
  },
  {
    name: 'a recipe that is a list',
    prepare: (project) => void project.write('recipe.yaml', '- 1\n'),
    code: 2,
    says: /a recipe is a mapping/,
  },
  {
    name: 'an unknown key',
    prepare: recipe(load, 'quern: 1\nstage: {}'),
    code: 2,
    says: [/unknown key `stage`/, /did you mean `stages`\?/],
  },
  { name: 'no version', prepare: recipe(load, 'description: x'), code: 2, says: /the recipe has no `quern`/ },
  { name: 'a version of the future', prepare: recipe(load, 'quern: 2'), code: 2, says: /`quern` must be 1/ },
  {
    name: 'an unknown kind',
    prepare: recipe('  float: { kind: laod, source: ./model }\n'),
    code: 2,
    says: [/unknown kind `laod`/, /did you mean `load`\?/],
  },
  {
    name: 'an unknown parameter',
    prepare: recipe(`${load}${stats}  smooth: { kind: smoothquant, model: float, stats: stats, aplha: 0.5 }\n`),
    code: 2,
    says: [/unknown parameter `aplha` of kind smoothquant/, /\^+ did you mean `alpha`\?/],
  },
  {
    name: 'AWQ with nothing to search with or import',
    prepare: recipe(`${load}  scaled: { kind: awq, model: float }\n`),
    code: 2,
    says: /give a `dataset` to search with, or a result to `import`/,
  },
  {
    name: 'a data set of quantize without a text',
    prepare: recipe(
      `${load}  int8: { kind: quantize, model: float, rules: [{ match: {}, scheme: w8a8 }], dataset: { length: 16 } }\n`,
    ),
    code: 2,
    says: /`dataset` has none of `text`, `jsonl`, `parquet` and `hub`/,
  },
  {
    name: 'AWQ with a result and a data set',
    prepare: recipe(`${load}  scaled: { kind: awq, model: float, import: model/config.json, dataset: ${dataset} }\n`),
    code: 2,
    says: /`import` takes the place of a search: it needs no `dataset`/,
  },
  {
    name: 'AWQ that imports what is no result of a search',
    prepare: recipe(`${load}  scaled: { kind: awq, model: float, import: model/config.json }\n`),
    code: 1,
    says: /config\.json is not a file of torch\.save/,
  },
  {
    name: 'a parameter of the wrong type',
    prepare: recipe(`${load}${stats}  smooth: { kind: smoothquant, model: float, stats: stats, alpha: high }\n`),
    code: 2,
    says: /`alpha` must be a number between 0 and 1, `auto` or a mapping, got "high"/,
  },
  {
    name: 'a parameter out of range',
    prepare: recipe(`${load}${stats}  smooth: { kind: smoothquant, model: float, stats: stats, alpha: 1.5 }\n`),
    code: 2,
    says: /`alpha` must be a number between 0 and 1, `auto` or a mapping, got 1\.5/,
  },
  {
    name: 'a search for alpha without a text',
    prepare: recipe(`${load}${stats}  smooth: { kind: smoothquant, model: float, stats: stats, alpha: auto }\n`),
    code: 2,
    says: /to find alpha, `dataset` has to give a text/,
  },
  {
    name: 'statistics from nowhere',
    prepare: recipe(`${load}  stats: { kind: calibrate, model: float }\n`),
    code: 2,
    says: /calibrate needs a `dataset`, or scales to `import`/,
  },
  {
    name: 'statistics from two places',
    prepare: recipe(
      `${load}  stats: { kind: calibrate, model: float, import: ./text.txt, collect: [absmean], dataset: ${dataset} }\n`,
    ),
    code: 2,
    says: [/`import` is given in place of `dataset`/, /what is imported is absmax alone/],
  },
  {
    name: 'an import that has no scales',
    prepare: recipe(`${load}  stats: { kind: calibrate, model: float, import: ./text.txt }\n`),
    code: 1,
    says: /text\.txt is not a file with activation scales/,
  },
  {
    name: 'scales that are for another model',
    prepare: recipe(`${load}  stats: { kind: calibrate, model: float, import: ./model/model.safetensors }\n`),
    code: 1,
    says: [/lacks the layers model\.decoder\.layers\.0\.self_attn\.q_proj, .* and 9 more/, /for another model\?/],
  },
  {
    name: 'a search for alpha with a scheme whose scales are not known yet',
    prepare: recipe(
      `${load}${stats}  smooth: { kind: smoothquant, model: float, stats: stats, alpha: auto, scheme: w8a8-static, dataset: ${dataset} }\n`,
    ),
    code: 2,
    says: /scales of a static scheme come from the smoothed model/,
  },
  {
    name: 'an empty range of alpha',
    prepare: recipe(
      `${load}${stats}  smooth: { kind: smoothquant, model: float, stats: stats, alpha: { from: 1 }, dataset: ${dataset} }\n`,
    ),
    code: 2,
    says: /the range of alpha is empty: 1 is more than 0\.9/,
  },
  {
    name: 'a text for alpha where alpha is given',
    prepare: recipe(
      `${load}${stats}  smooth: { kind: smoothquant, model: float, stats: stats, dataset: ${dataset} }\n`,
    ),
    code: 2,
    says: /`dataset` is for `alpha: auto`/,
  },
  {
    name: 'channels to be split where only norms are smoothed',
    prepare: recipe(`${load}${stats}  smooth: { kind: smoothquant, model: float, stats: stats, split: 4 }\n`),
    code: 2,
    says: /channels are split between linear layers: say `groups: extended`/,
  },
  {
    name: 'a smoothing group behind two things',
    prepare: recipe(
      `${load}${stats}  smooth: { kind: smoothquant, model: float, stats: stats, groups: [{ norm: a, layer: b, linear: [c] }] }\n`,
    ),
    code: 2,
    says: /a group has either `norm` or `layer`/,
  },
  {
    name: 'a missing input',
    prepare: recipe(`${load}  onnx: { kind: export }\n`),
    code: 2,
    says: /missing parameter `model` of kind export/,
  },
  {
    name: 'an unknown stage',
    prepare: recipe(`${load}  onnx: { kind: export, model: flaot }\n`),
    code: 2,
    says: [/unknown stage `flaot`/, /did you mean `float`\?/],
  },
  {
    name: 'an input of the wrong type',
    prepare: recipe(`${load}${stats}  onnx: { kind: export, model: stats }\n`),
    code: 2,
    says: /`model` needs a model, but `stats` is a calibrate stage, which makes stats/,
  },
  {
    name: 'a cycle',
    prepare: recipe('  a: { kind: probe, id: a, first: b }\n  b: { kind: probe, id: b, first: a }\n'),
    code: 2,
    says: /cycle: a -> b -> a/,
  },
  {
    name: 'an unknown variable',
    prepare: recipe('  float: { kind: load, source: "${modle}" }\n', 'quern: 1\nvars: { model: ./model }'),
    code: 2,
    says: [/unknown variable `modle`/, /did you mean `model`\?/],
  },
  {
    name: 'an unknown variable on the command line',
    prepare: recipe(load),
    call: ['build', 'recipe.yaml', '--set', 'alpha=1'],
    code: 2,
    says: /the recipe has no variable `alpha`/,
  },
  {
    name: 'a malformed setting',
    prepare: recipe(load),
    call: ['build', 'recipe.yaml', '--set', 'alpha'],
    code: 2,
    says: /--set takes name=value/,
  },
  { name: 'a key given twice', prepare: recipe(`${load}${load}`), code: 2, says: /`float` is given twice/ },
  {
    name: 'a gate that is no limit',
    prepare: recipe(`  float: { kind: load, source: ./model, gates: { bytes: { max: small } } }\n`),
    code: 2,
    says: /`max` must be a number or a percentage/,
  },
  {
    name: 'a rule that says two things',
    prepare: recipe(`${load}${quantize('[{ match: {}, keep: float, scheme: w8a8 }]')}`),
    code: 2,
    says: /either `scheme: NAME` or `keep: float`/,
  },
  {
    name: 'an unknown scheme',
    prepare: recipe(`${load}${quantize('[{ match: {}, scheme: w8a9 }]')}`),
    code: 2,
    says: /did you mean `w8a8`\?/,
  },
  {
    name: 'a static scheme without statistics',
    prepare: recipe(`${load}${quantize('[{ match: {}, scheme: { blocks: w8a8-static, others: float } }]')}`),
    code: 2,
    says: /recipe\.yaml:\d+:\d+ error: .*takes the scales of activations from calibration: give the stage `stats`/,
  },
  {
    name: 'several problems at once',
    prepare: recipe('  a: { kind: laod }\n  b: { kind: export, model: c }\n'),
    code: 2,
    says: [/unknown kind `laod`/, /unknown stage `c`/, /2 errors\./],
  },
  {
    name: 'no such recipe',
    prepare: () => {},
    call: ['build', 'nowhere.yaml'],
    code: 2,
    says: /nowhere\.yaml error: there is no such file/,
  },
  {
    name: 'a directory as recipe',
    prepare: () => {},
    call: ['build', '.'],
    code: 2,
    says: /this is a directory, not a recipe/,
  },
  {
    name: 'a recipe that is not text',
    prepare: (project) => writeFileSync(join(project.directory, 'recipe.yaml'), Buffer.from([0x71, 0xff, 0xfe])),
    code: 2,
    says: /not UTF-8/,
  },
  // The call
  { name: 'an unknown verb', prepare: () => {}, call: ['biuld'], code: 2, says: /unknown command 'biuld'/ },
  {
    name: 'an unknown option',
    prepare: recipe(load),
    call: ['build', 'recipe.yaml', '--froce'],
    code: 2,
    says: /unknown option '--froce'/,
  },
  {
    name: 'an unknown target',
    prepare: recipe(load),
    call: ['build', 'recipe.yaml', 'flaot'],
    code: 2,
    says: [/has no stage `flaot`/, /did you mean `float`\?/],
  },
  {
    name: 'a number of jobs that is none',
    prepare: recipe(load),
    call: ['build', 'recipe.yaml', '-j', 'many'],
    code: 2,
    says: /-j takes a positive whole number/,
  },
  {
    name: 'a model to run that is not there',
    prepare: () => {},
    call: ['bench', 'nothing'],
    code: 2,
    says: /error: nothing does not exist/,
  },
  {
    name: 'a recipe to run without a stage',
    prepare: recipe(load),
    call: ['generate', 'recipe.yaml', '--prompt', 'The'],
    code: 2,
    says: [/recipe\.yaml is a recipe/, /a recipe and one of its stages/],
  },
  {
    name: 'a directory to run that has no model',
    prepare: (project) => void project.write('notes.txt', 'nothing'),
    call: ['generate', '.', '--prompt', 'The'],
    code: 2,
    says: [/holds none of the files that are looked for/, /name a model of quern, a checkpoint/],
  },
  {
    name: 'a checkpoint to run that is broken',
    prepare: brokenModel({}, weights('')),
    call: ['bench', 'model'],
    code: 1,
    says: /model can't be loaded: .*model\.safetensors/,
  },
  {
    name: 'a checkpoint to run that has no tokenizer',
    prepare: brokenModel({}, (directory) => rmSync(join(directory, 'tokenizer.json'))),
    call: ['generate', 'model', '--prompt', 'The'],
    code: 1,
    says: /has no tokenizer\.json/,
  },
  {
    name: 'a chat with a model that has no chat template',
    prepare: (project) => void writeTinyOpt(join(project.directory, 'model')),
    call: ['generate', 'model', '--chat', '--prompt', 'Hello'],
    code: 2,
    says: [/model has no chat template/, /leave out --chat/],
  },
  {
    name: 'a chat template that is broken',
    prepare: (project) => {
      writeTinyOpt(join(project.directory, 'model'));
      project.write('model/chat_template.jinja', '{% for %}');
    },
    call: ['generate', 'model', '--chat', '--prompt', 'Hello'],
    code: 1,
    says: [/chat_template\.jinja: the chat template can't be used: /, /--no-chat/],
  },
  {
    name: 'an empty prompt',
    prepare: (project) => void writeTinyOpt(join(project.directory, 'model')),
    call: ['generate', 'model', '--prompt', ''],
    code: 2,
    says: /there is no prompt/,
  },
  {
    name: 'a device to run on that is not one',
    prepare: () => {},
    call: ['bench', '.', '--devices', 'cpu,npu:sty'],
    code: 2,
    says: [/unknown device "npu:sty"/, /did you mean `npu:stx`/],
  },
  ...(
    [
      ['--top-p', '0'],
      ['--temperature', '-1'],
      ['--top-k', '1.5'],
      ['--threads', '0'],
      ['--threads', '1000000'],
    ] as const
  ).map(([option, value]): Row => {
    return {
      name: `${option} ${value}`,
      prepare: () => {},
      call: ['generate', '.', '--prompt', 'The', option, value],
      code: 2,
      says: new RegExp(`${option} takes a .*, got "${value}"`),
    };
  }),
  {
    name: 'an unknown device',
    prepare: () => {},
    call: ['devices', 'npu:stz', '--plan', '8x64x64'],
    code: 2,
    says: /did you mean/,
  },
  {
    name: 'a model to inspect that is not there',
    prepare: () => {},
    call: ['inspect', 'modle'],
    code: 2,
    says: /modle does not exist/,
  },
  {
    name: 'a model to inspect that is something else',
    prepare: (project) => project.write('thesis.txt', 'precious'),
    call: ['inspect', 'thesis.txt'],
    code: 2,
    says: /thesis\.txt is not a file with weights\n {2}name a directory/,
  },
  {
    name: 'a model to inspect that is damaged',
    prepare: (project) => project.write('model.safetensors', 'precious'),
    call: ['inspect', 'model.safetensors'],
    code: 1,
    says: /model\.safetensors/,
  },
  {
    name: 'a shape that is none',
    prepare: () => {},
    call: ['devices', 'npu:stx', '--plan', '8x64'],
    code: 2,
    says: /8x64/,
  },
  {
    name: 'a configuration with an unknown key',
    prepare: (project) => {
      recipe(load)(project);
      project.write('quern.config.yaml', 'cahe: {}\n');
    },
    code: 2,
    says: /unknown key `cahe`/,
  },
  {
    name: 'a module of kinds that is missing',
    prepare: (project) => {
      recipe(load)(project);
      project.write('quern.config.yaml', 'kinds: [./kinds.mjs]\n');
    },
    code: 2,
    says: /kinds\.mjs can't be loaded/,
  },
  {
    name: 'a damaged lock file',
    prepare: (project) => {
      recipe(load)(project);
      project.write('recipe.lock.json', '{');
    },
    call: ['build', 'recipe.yaml', '--frozen'],
    code: 2,
    says: /recipe\.lock\.json is not a lock file/,
  },
  // Sources
  {
    name: 'a missing model',
    prepare: (project) => void project.write('recipe.yaml', `quern: 1\nstages:\n${load}`),
    code: 2,
    says: [/recipe\.yaml:3:\d+ error: \.\/model does not exist/, /relative to the file they stand in/],
  },
  {
    name: 'a missing text',
    prepare: recipe(`${load}${evaluate('{ text: nowhere.txt, length: 16 }')}`),
    code: 2,
    says: /nowhere\.txt does not exist/,
  },
  {
    name: 'a file where a directory is needed',
    prepare: recipe('  float: { kind: load, source: ./text.txt }\n'),
    code: 2,
    says: /text\.txt is a file; a directory is needed/,
  },
  {
    name: 'a directory that holds no model',
    prepare: (project) => {
      mkdirSync(join(project.directory, 'model'));
      project.write('recipe.yaml', `quern: 1\nstages:\n${load}`);
    },
    code: 2,
    says: /holds none of the files/,
  },
  {
    name: 'an exported graph without a configuration',
    prepare: brokenExport((directory) => rmSync(join(directory, 'config.json'))),
    code: 1,
    says: /neither config\.json nor genai_config\.json/,
  },
  {
    name: 'an exported graph whose configuration is of another model',
    prepare: brokenExport((directory) => {
      const path = join(directory, 'config.json');
      writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), num_hidden_layers: 3 }));
    }),
    code: 1,
    says: /has 2 attentions, its configuration 3 layers/,
  },
  {
    name: 'an exported graph without its weights',
    prepare: brokenExport((directory) => rmSync(join(directory, 'weights.data'))),
    code: 1,
    says: /is in the file "weights\.data", which is not there/,
  },
  {
    name: 'an exported graph that is cut off',
    prepare: brokenExport((directory) => truncateSync(join(directory, 'model.onnx'), 4000)),
    code: 1,
    says: /model\.onnx is not a readable ONNX model/,
  },
  {
    name: 'an exported graph that is not there',
    prepare: brokenExport(() => {}, './model/decoder.onnx'),
    code: 2,
    says: /decoder\.onnx does not exist/,
  },
  {
    name: 'the first layers of an exported graph',
    prepare: brokenExport(() => {}, './model, layers: 1'),
    code: 1,
    says: /`layers` can only be asked of a checkpoint/,
  },
  {
    name: 'no config.json',
    prepare: brokenModel({}, (directory) => rmSync(join(directory, 'config.json'))),
    code: 1,
    says: /has no config\.json/,
  },
  {
    name: 'a config.json that is not JSON',
    prepare: brokenModel({}, (directory) => writeFileSync(join(directory, 'config.json'), '{')),
    code: 1,
    says: /config\.json is not valid JSON/,
  },
  {
    name: 'an unsupported architecture',
    prepare: brokenModel({ config: { architectures: ['MambaForCausalLM'] } }),
    code: 1,
    says: [/MambaForCausalLM is not supported/, /OPTForCausalLM/],
  },
  {
    name: 'post-LN, as in opt-350m',
    prepare: brokenModel({ config: { do_layer_norm_before: false } }),
    code: 1,
    says: /do_layer_norm_before is false/,
  },
  {
    name: 'a field that changes the computation',
    prepare: brokenModel({ config: { sliding_window: 128 } }),
    code: 1,
    says: /sliding_window is not supported/,
  },
  {
    name: 'sizes that do not fit',
    prepare: brokenModel({ config: { hidden_size: 17, word_embed_proj_dim: 17 } }),
    code: 1,
    says: /hidden_size must be a multiple of num_attention_heads/,
  },
  {
    name: 'more layers than there are',
    prepare: (project) => {
      writeTinyOpt(join(project.directory, 'model'));
      project.write('recipe.yaml', 'quern: 1\nstages:\n  float: { kind: load, source: ./model, layers: 3 }\n');
    },
    code: 1,
    says: /num_hidden_layers is 2; the recipe asks for the first 3/,
  },
  {
    name: 'an empty safetensors file',
    prepare: brokenModel({}, weights('')),
    code: 1,
    says: /model\.safetensors is empty/,
  },
  {
    name: 'a safetensors file cut off in its header',
    prepare: brokenModel({}, (directory) => truncateSync(join(directory, 'model.safetensors'), 100)),
    code: 1,
    says: /fewer than its header/,
  },
  {
    name: 'a safetensors file cut off in its data',
    prepare: brokenModel({}, (directory) =>
      truncateSync(join(directory, 'model.safetensors'), statSync(join(directory, 'model.safetensors')).size - 4),
    ),
    code: 1,
    says: /model\.safetensors/,
  },
  {
    name: 'a header length beyond the file',
    prepare: brokenModel({}, weights(withHeader({}, 0, 10n ** 7n))),
    code: 1,
    says: /fewer than its header of 10000000 bytes/,
  },
  {
    name: 'a header length beyond reason',
    prepare: brokenModel({}, weights(withHeader({}, 0, 2n ** 62n))),
    code: 1,
    says: /at most 100000000 are allowed/,
  },
  {
    name: 'overlapping tensors',
    prepare: brokenModel({}, weights(withHeader({ a: float32(0, 16), b: float32(8, 24) }, 24))),
    code: 1,
    says: /overlap/,
  },
  {
    name: 'a tensor outside the file',
    prepare: brokenModel({}, weights(withHeader({ a: float32(0, 64) }, 16))),
    code: 1,
    says: /tensor "a"/,
  },
  {
    name: 'an unknown data type',
    prepare: brokenModel({}, weights(withHeader({ a: { dtype: 'Q4', shape: [4], data_offsets: [0, 16] } }, 16))),
    code: 1,
    says: /Q4/,
  },
  {
    name: 'a Git LFS pointer',
    prepare: brokenModel({}, weights('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n')),
    code: 1,
    says: /Git LFS pointer/,
  },
  {
    name: 'a weight that is NaN',
    prepare: brokenModel({
      change: (tensor) => {
        if (tensor.name.endsWith('fc1.bias')) (tensor.data as Float32Array)[3] = Number.NaN;
        return tensor;
      },
    }),
    code: 1,
    says: /fc1\.bias" has NaN at \[3\]/,
  },
  {
    name: 'a missing tensor',
    prepare: brokenModel({ change: (tensor) => (tensor.name.includes('layers.1.fc2.weight') ? undefined : tensor) }),
    code: 1,
    says: /has no tensor model\.decoder\.layers\.1\.fc2\.weight/,
  },
  {
    name: 'a tensor of another shape',
    prepare: brokenModel({
      change: (tensor) =>
        tensor.name.endsWith('final_layer_norm.bias') ? { ...tensor, dims: [4], data: new Float32Array(4) } : tensor,
    }),
    code: 1,
    says: /has shape \[4\], but config\.json asks for \[16\]/,
  },
  {
    name: 'the tokenizer of another model',
    prepare: (project) => {
      recipe(`${load}${evaluate(dataset)}`)(project);
      writeTinyOpt(join(project.directory, 'model'), {
        config: { vocab_size: 100 },
        change: (tensor) =>
          tensor.name.endsWith('embed_tokens.weight')
            ? { ...tensor, dims: [100, 16], data: new Float32Array(1600) }
            : tensor,
      });
    },
    code: 1,
    says: /the model has 100 rows/,
  },
  {
    name: 'no tokenizer',
    prepare: (project) => {
      recipe(`${load}${evaluate(dataset)}`)(project);
      rmSync(join(project.directory, 'model/tokenizer.json'));
    },
    code: 1,
    says: /has no tokenizer\.json/,
  },
  {
    name: 'a damaged tokenizer',
    prepare: (project) => {
      recipe(`${load}${evaluate(dataset)}`)(project);
      writeFileSync(join(project.directory, 'model/tokenizer.json'), '{"model": {}}');
    },
    code: 1,
    says: /tokenizer\.json/,
  },
  // Texts
  {
    name: 'an empty text',
    prepare: (project) => {
      recipe(`${load}${evaluate(dataset)}`)(project);
      writeFileSync(join(project.directory, 'text.txt'), '');
    },
    code: 1,
    says: /text\.txt is empty/,
  },
  {
    name: 'a text shorter than a window',
    prepare: (project) => {
      recipe(`${load}${evaluate('{ text: text.txt, length: 32 }')}`)(project);
      writeFileSync(join(project.directory, 'text.txt'), 'A few words.');
    },
    code: 1,
    says: /fewer than one window of 32/,
  },
  {
    name: 'more windows than there are',
    prepare: recipe(`${load}${evaluate('{ text: text.txt, windows: 5000, length: 16 }')}`),
    code: 1,
    says: /asked for 5,000 windows of 16 tokens/,
  },
  {
    name: 'a text that is too short for the errors of outputs',
    prepare: recipe(
      `${load}  int8: { kind: quantize, model: float, rules: [{ match: {}, scheme: w8a8 }], dataset: { text: text.txt, windows: 4000, length: 16 } }\n`,
    ),
    code: 1,
    says: /asked for 4,000 windows of 16 tokens/,
  },
  {
    name: 'a window longer than the positions',
    prepare: recipe(`${load}${evaluate('{ text: text.txt, length: 64 }')}`),
    code: 1,
    says: /longer than the model's 32 positions/,
  },
  {
    name: 'a text that is not UTF-8',
    prepare: (project) => {
      recipe(`${load}${evaluate(dataset)}`)(project);
      writeFileSync(join(project.directory, 'text.txt'), Buffer.alloc(100, 0xff));
    },
    code: 1,
    says: /UTF-8/,
  },
  // Rules
  {
    name: 'a rule that matches nothing',
    prepare: recipe(`${load}${quantize('[{ match: { op: Softmax }, scheme: w8a8 }]')}`),
    code: 1,
    says: /rule 1 .* matches none of the model's 13 linear layers/,
  },
  {
    name: 'a rule behind one that takes all',
    prepare: recipe(`${load}${quantize('[{ match: {}, scheme: w8a8 }, { match: { name: lm_head }, keep: float }]')}`),
    code: 1,
    says: /rule 2 .* decides nothing: rules before it take every layer/,
  },
  {
    name: 'rules that quantize nothing',
    prepare: recipe(`${load}${quantize('[{ match: {}, keep: float }]')}`),
    code: 1,
    says: /the rules quantize nothing/,
  },
  {
    name: 'a regular expression that is none',
    prepare: recipe(`${load}${quantize('[{ match: { name: "re:(" }, scheme: w8a8 }]')}`),
    code: 1,
    says: /is not a regular expression/,
  },
  {
    name: 'a norm that does not exist',
    prepare: recipe(
      `${load}${stats}  smooth: { kind: smoothquant, model: float, stats: stats, groups: [{ norm: model.decoder.layers.0.final_layernorm, linear: [x] }] }\n`,
    ),
    code: 1,
    says: [/has no norm/, /did you mean model\.decoder\.layers\.0\.final_layer_norm\?/],
  },
  {
    name: 'a norm that may not be smoothed',
    prepare: recipe(
      `${load}${stats}  smooth: { kind: smoothquant, model: float, stats: stats, groups: [{ norm: model.decoder.final_layer_norm, linear: [lm_head] }] }\n`,
    ),
    code: 1,
    says: /can't be smoothed: lm_head makes the logits/,
  },
  // The store and the processes
  {
    name: 'a file where the cache should be',
    prepare: (project) => {
      recipe(load)(project);
      project.write('file', '');
    },
    call: ['build', 'recipe.yaml', '--cache', 'file'],
    code: 1,
    says: /file/,
  },
  {
    name: 'a cache that is a directory of something else',
    prepare: (project) => {
      recipe(load)(project);
      mkdirSync(join(project.directory, 'photos'));
      project.write('photos/holiday.jpg', '');
    },
    call: ['build', 'recipe.yaml', '--cache', 'photos'],
    code: 1,
    says: [/is not a cache of quern: it holds holiday\.jpg/, /--cache/],
  },
  {
    name: 'a cache of a later version',
    prepare: (project) => {
      recipe(load)(project);
      mkdirSync(join(project.directory, 'later'));
      project.write('later/format.json', '{"format": 99}');
    },
    call: ['build', 'recipe.yaml', '--cache', 'later'],
    code: 1,
    says: /has format 99/,
  },
  {
    name: 'a child that is killed',
    prepare: (project) =>
      project.writeProbes('recipe.yaml', { one: { steps: [{ write: { f: 'half' } }, { kill: 'SIGKILL' }] } }),
    code: 1,
    says: /no result: it was killed, perhaps by the system for lack of memory/,
  },
  {
    name: 'a child that crashes',
    prepare: (project) => project.writeProbes('recipe.yaml', { one: { steps: [{ kill: 'SIGSEGV' }] } }),
    code: 1,
    says: /segmentation fault/,
  },
  {
    name: 'a child that ends without a report',
    prepare: (project) => project.writeProbes('recipe.yaml', { one: { steps: [{ log: 'No luck.' }, { exit: 0 }] } }),
    code: 1,
    says: /ended with exit code 0 and no report[\s\S]*the last line it printed: No luck\./,
  },
  {
    name: 'an embedding with quantized activations',
    prepare: recipe(`${load}${quantize('[{ match: { op: Gather }, scheme: w8a8 }]')}`),
    code: 1,
    says: /embed_tokens: a Gather has no activations to quantize, as w8a8 does[\s\S]*w4-g32/,
  },
  {
    name: 'a policy with half of its schemes',
    prepare: recipe(`${load}${quantize('[{ match: {}, scheme: { blocks: w4-g128 } }]')}`),
    code: 2,
    says: /`rules\[0\]\.scheme` has no `others`/,
  },
  {
    name: 'a form of export that a product does not have',
    prepare: recipe(
      `${load}${quantize('[{ match: {}, scheme: w8a8 }]')}  onnx: { kind: export, model: int8, form: nbits }\n`,
    ),
    code: 1,
    says: /q_proj \(DynamicQuantizedMatMul\) can't be written as nbits: its activations are quantized/,
  },
  {
    name: 'a form of export where nothing is quantized',
    prepare: recipe(`${load}  onnx: { kind: export, model: float, form: qdq }\n`),
    code: 1,
    says: /nothing in the model is quantized, so that `form: qdq` changes nothing/,
  },
  {
    name: 'an accuracy level without MatMulNBits',
    prepare: recipe(`${load}  onnx: { kind: export, model: float, accuracyLevel: 4 }\n`),
    code: 1,
    says: /`accuracyLevel` is that of MatMulNBits/,
  },
  {
    name: 'an opset that an operator is not in',
    prepare: recipe(`${load}  onnx: { kind: export, model: float, attention: onnx, opset: 21 }\n`),
    code: 1,
    says: /\(Attention\) is an operator of opset 23; the recipe asks for 21/,
  },
  {
    name: 'an export onto files of somebody else',
    prepare: (project) => {
      project.writeProbes('recipe.yaml', { one: { to: 'mine', steps: [{ write: { f: 'x' } }] } });
      mkdirSync(join(project.directory, 'mine'));
      project.write('mine/thesis.txt', 'precious');
    },
    code: 1,
    says: /mine is not replaced: it holds files that were not exported by quern/,
  },
];

/** Whatever happens: no stack trace, nothing half written, nothing left under `tmp`. */
function checkClean(project: Project, outcome: Outcome): void {
  assert.not.match(outcome.stderr, /\n\s+at .*\(?(file:|node:)/, 'a stack trace');
  assert.not.match(outcome.stderr, /internal error/);
  const temporary = join(project.cache, 'tmp');
  if (existsSync(temporary)) assert.equal(readdirSync(temporary), [], 'files left in tmp');
}

for (const { name, prepare, call = ['build', 'recipe.yaml'], code, says } of rows) {
  test(name, () =>
    withProject(async (project) => {
      await prepare(project);
      const outcome = await project.quern(...call);
      for (const expected of [says].flat()) assert.match(outcome.stderr, expected);
      assert.is(outcome.code, code, outcome.stderr);
      checkClean(project, outcome);
      if (existsSync(join(project.directory, 'mine'))) {
        assert.is(readFileSync(join(project.directory, 'mine/thesis.txt'), 'utf8'), 'precious');
      }
    }),
  );
}

const probes = {
  one: { steps: [{ write: { f: 'content of one' } }] },
  two: { first: 'one', steps: [{ gather: 'all' }] },
};

function blobsOf(project: Project): string[] {
  const directory = join(project.cache, 'blobs');
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function overwrite(path: string, text: string): void {
  chmodSync(path, 0o644);
  writeFileSync(path, text);
}

test('a blob that was cut off is replaced', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', probes);
    const first = await project.build('recipe.yaml');
    for (const blob of blobsOf(project)) overwrite(blob, '');
    const second = await project.build('recipe.yaml');
    assert.is(second.status, 'ok');
    assert.equal(
      second.stages.map(({ digest, status }) => [digest, status]),
      first.stages.map(({ digest }) => [digest, 'built']),
    );
    assert.not.equal(readdirSync(join(project.cache, 'quarantine')), []);
  }));

test('a record that was damaged is replaced', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', probes);
    const first = await project.build('recipe.yaml');
    for (const name of readdirSync(join(project.cache, 'actions')))
      overwrite(join(project.cache, 'actions', name), '{"format": 1');
    const second = await project.build('recipe.yaml');
    assert.equal(
      second.stages.map(({ digest, status }) => [digest, status]),
      first.stages.map(({ digest }) => [digest, 'built']),
    );
  }));

test('a damaged graph in the store is one clear message', () =>
  withProject(async (project) => {
    recipe(`${load}${quantize('[{ match: {}, scheme: w8a8 }]')}`)(project);
    await project.build('recipe.yaml', 'float');
    interface Shown {
      readonly files: readonly { readonly path: string; readonly digest: string; readonly sizeBytes: number }[];
    }
    const { files } = await project.json<Shown>('show', 'recipe.yaml', 'float');
    const graph = files.find(({ path }) => path === 'model.onnx');
    const blob = blobsOf(project).find((path) => path.endsWith(graph?.digest.slice('sha256:'.length) ?? 'none'));
    overwrite(blob ?? '', '\xff'.repeat(graph?.sizeBytes ?? 0).slice(0, graph?.sizeBytes));
    writeFileSync(blob ?? '', Buffer.alloc(graph?.sizeBytes ?? 0, 0xff));
    const outcome = await project.quern('build', 'recipe.yaml');
    assert.is(outcome.code, 1);
    assert.match(outcome.stderr, /model\.onnx is not a readable ONNX model/);
    checkClean(project, outcome);
  }));

test('a cache that may not be written to', () =>
  withProject(async (project) => {
    if (process.getuid?.() === 0) {
      console.log('SKIP root may write anywhere');
      return;
    }
    recipe(load)(project);
    mkdirSync(join(project.directory, 'locked'), { mode: 0o555 });
    const outcome = await project.quern('build', 'recipe.yaml', '--cache', 'locked');
    assert.is(outcome.code, 1);
    assert.match(outcome.stderr, /permission denied/);
  }));

test('a full disk fails the stage, leaves nothing half written, and the build goes on once there is space', () =>
  withProject(async (project) => {
    const small = join(project.directory, 'small');
    mkdirSync(small);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', small], { stdio: 'ignore' });
    } catch {
      console.log('SKIP no permission to mount a small tmpfs');
      return;
    }
    try {
      const text = 'x'.repeat(400_000);
      project.writeProbes('recipe.yaml', { one: { steps: [{ write: { big: text } }] } });
      const full = await project.quern('build', 'recipe.yaml', '--cache', 'small/cache');
      assert.is(full.code, 1);
      assert.match(full.stderr, /the disk is full|no space is left/);
      checkClean(project, full);
      assert.equal(readdirSync(join(small, 'cache/tmp')), []);
      assert.equal(readdirSync(join(small, 'cache/actions')), []);
      execFileSync('mount', ['-o', 'remount,size=8m', small], { stdio: 'ignore' });
      assert.is((await project.quern('build', 'recipe.yaml', '--cache', 'small/cache')).code, 0);
    } finally {
      execFileSync('umount', [small]);
    }
  }));

test.run();
