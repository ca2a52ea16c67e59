import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { writeTinyOpt } from '../support/tiny-opt.js';
import { type Project, withProject } from './support/project.js';
import { fileAppears, repository, says } from './support/quern.js';

interface Generated {
  readonly model: string;
  readonly prompt: string;
  readonly promptIds: readonly number[];
  readonly newIds: readonly number[];
  readonly text: string;
  readonly stoppedBy: string;
  readonly prefillMs: number;
  readonly msPerToken?: number;
}

async function withModel(use: (project: Project, directory: string) => Promise<void>, positions = 32): Promise<void> {
  await withProject(async (project) => {
    // Random weights take no heed of positions, so any number of them will do.
    writeTinyOpt(join(project.directory, 'model'), {
      config: { max_position_embeddings: positions },
      change: (tensor) => {
        const [, columns = 0] = tensor.dims;
        if (!tensor.name.includes('embed_positions')) return tensor;
        return { ...tensor, dims: [positions + 2, columns], data: new Float32Array((positions + 2) * columns) };
      },
    });
    const template = '{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}assistant:';
    project.write('model/chat_template.jinja', template);
    project.write('recipe.yaml', 'quern: 1\nstages:\n  float: { kind: load, source: ./model }\n');
    await project.build('recipe.yaml');
    await use(project, (await project.quern('path', 'recipe.yaml', 'float')).stdout.trim());
  });
}

test('generate continues a prompt, of a directory and of a stage alike, within the positions of the model', () =>
  withModel(async (project, directory) => {
    const options = ['--prompt', 'The ship was', '--max-tokens', '6', '--ignore-eos'];
    const shown = await project.quern('generate', directory, ...options);
    assert.is(shown.code, 0, shown.stderr);
    assert.match(shown.stderr, /6 tokens behind 5, prefill [\d.]+ ms, [\d.]+ ms per token/);
    const report = await project.json<Generated>('generate', 'recipe.yaml', 'float', ...options);
    assert.is(shown.stdout, `${report.text}\n`);
    assert.equal([report.promptIds.length, report.newIds.length, report.stoppedBy], [5, 6, 'length']);
    const whole = await project.json<Generated>('generate', directory, '--prompt', 'The', '--ignore-eos');
    assert.is(whole.promptIds.length + whole.newIds.length, 32);
    const long = await project.quern('generate', directory, '--prompt', 'The ship was '.repeat(20));
    assert.is(long.code, 1);
    assert.match(long.stderr, /the prompt has \d+ tokens, and the model has room for 32/);
  }));

test('a checkpoint is loaded once and runs as the stage that loads it', () =>
  withModel(async (project, directory) => {
    const options = ['--prompt', 'The ship was', '--max-tokens', '6', '--ignore-eos'];
    const { text } = await project.json<Generated>('generate', directory, ...options);
    const own = ['--cache', 'other'];
    const first = await project.quern('generate', 'model', ...options, ...own);
    assert.is(first.stdout, `${text}\n`);
    assert.match(first.stderr, /loading model\nmodel: .* parameters, OPTForCausalLM/);
    const draft = ['--draft', './model', '--draft-tokens', '2'];
    const second = await project.quern('generate', 'model', ...options, ...draft, ...own);
    assert.is(second.stdout, first.stdout);
    assert.not.match(second.stderr, /load/);
    const lengths = ['--prompt-lengths', '4', '--new-tokens', '2', '--repeats', '1'];
    const bench = await project.json<{ architecture: string }>('bench', 'model', ...lengths, ...own);
    assert.is(bench.architecture, 'OPTForCausalLM');
  }));

test('a chat asks as the template of the model has it', () =>
  withModel(async (project, directory) => {
    const chat = await project.json<Generated>('generate', directory, '--chat', '--prompt', 'The', '--max-tokens', '2');
    assert.is(chat.prompt, 'user: The\nassistant:');
    const plain = ['generate', directory, '--prompt', chat.prompt, '--max-tokens', '2'];
    // The template of this model says nothing of the token that the tokenizer begins a text with.
    assert.equal(chat.promptIds, (await project.json<Generated>(...plain)).promptIds.slice(1));
    const told = ['--system', 'Be brief.', '--prompt', 'The', '--max-tokens', '1'];
    const system = await project.json<Generated>('generate', directory, ...told);
    assert.is(system.prompt, 'system: Be brief.\nuser: The\nassistant:');
    assert.is((await project.json<Generated>(...plain)).prompt, chat.prompt);
  }));

test('a seed repeats what it drew', () =>
  withModel(async (project, directory) => {
    const draw = async (seed: string): Promise<readonly number[]> => {
      const options = ['--temperature', '1.2', '--top-k', '200', '--top-p', '0.95', '--seed', seed, '--ignore-eos'];
      return (await project.json<Generated>('generate', directory, '--prompt', 'The', ...options)).newIds;
    };
    const [first, second, other] = [await draw('7'), await draw('7'), await draw('8')];
    assert.equal(first, second);
    assert.not.equal(first, other);
  }));

test('Ctrl-C ends a text behind a token', () =>
  withModel(async (project, directory) => {
    const running = project.start('generate', directory, '--prompt', 'The', '--ignore-eos', '--max-tokens', '20000');
    await once(running.child.stdout!, 'data');
    running.child.kill('SIGINT');
    const { code, stdout, stderr } = await running.ended;
    assert.is(code, 130, stderr);
    assert.match(stderr, /tokens behind \d+, interrupted/);
    assert.match(stdout, /\n$/);
  }, 20_100));

test('a second Ctrl-C ends a long pass at once', () =>
  withModel(async (project, directory) => {
    const example = JSON.stringify(join(repository, 'docs/examples/my-device.mjs'));
    const signal = project.signal('dispatch');
    // A dispatch that takes as long as a device may take.
    const run = `run() { writeFileSync(${JSON.stringify(signal)}, ''); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 25_000); }`;
    project.write(
      'slow.mjs',
      `import { writeFileSync } from 'node:fs';\nimport example from ${example};\nexport default { ...example, ${run} };\n`,
    );
    const running = project.start('generate', directory, '--prompt', 'The', '--devices', 'plugin:./slow.mjs,cpu');
    await fileAppears(signal);
    const said = says(running, /interrupt again to end at once/);
    running.child.kill('SIGINT');
    await said;
    running.child.kill('SIGINT');
    assert.is((await running.ended).signal, 'SIGINT');
  }));

test.run();
