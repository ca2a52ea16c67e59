import { PassThrough } from 'node:stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Answers, askForTemplate } from '../../src/cli/ask.js';
import { fillTemplate, readTemplate, templateNames } from '../../src/cli/templates.js';
import { parseRecipe } from '../../src/recipe/load.js';
import { builtInKinds } from '../../src/stages/registry.js';

/** Answers each question, which ends with the value in brackets, with the next of the lines; then ends the input. */
async function converse(
  lines: readonly string[],
  names: readonly string[] = ['opt'],
): Promise<{ answers: Answers | undefined; shown: string }> {
  const input = new PassThrough();
  const output = new PassThrough();
  const remaining = [...lines];
  let shown = '';
  output.on('data', (data) => {
    shown += data;
    if (!shown.endsWith(']: ')) return;
    const line = remaining.shift();
    if (line === undefined) input.end();
    else input.write(`${line}\n`);
  });
  const answers = await askForTemplate(names, readTemplate, input, output);
  return { answers, shown };
}

test('empty answers keep what the template has', async () => {
  const { answers } = await converse(['', '', '', '', '', '', '']);
  assert.is(answers?.template.name, 'opt');
  assert.equal([...(answers?.values ?? [])], []);
});

test('other answers are values of variables, in the order of the template', async () => {
  const { answers, shown } = await converse(['opt', './my-model', '', '', '0.7', '', '']);
  assert.equal(
    [...(answers?.values ?? [])],
    [
      ['model', './my-model'],
      ['alpha', '0.7'],
    ],
  );
  assert.match(shown, /opt: An OPT model/);
  assert.match(shown, /Directory of the checkpoint.*\n {2}model \[\.\/model\]: /);
});

for (const name of templateNames()) {
  test(`the template ${name} asks for what may be different, and is a recipe with other values`, async () => {
    const { variables } = readTemplate(name);
    for (const { meaning } of variables) assert.match(meaning, /\.$/, 'each variable says what it is for');
    const lines = variables.map(({ name: variable, text }) => (variable === 'model' ? './mine' : text));
    const { answers } = await converse([name, ...lines], templateNames());
    assert.ok(answers);
    assert.equal([...answers.values], [['model', './mine']]);
    const loaded = parseRecipe(fillTemplate(answers.template, answers.values, '/q.yaml'), '/q.yaml', {
      kinds: builtInKinds,
    });
    assert.ok(loaded.ok && loaded.recipe.stages.some(({ parameters }) => parameters.source === './mine'));
  });
}

test('an unknown template is asked for again', async () => {
  const { answers, shown } = await converse(['otp', 'opt', '', '', '', '', '', '']);
  assert.match(shown, /There is no template otp; did you mean opt\?/);
  assert.ok(answers);
});

test('when the input ends there is no answer', async () => {
  assert.is((await converse(['opt', './m'])).answers, undefined);
  assert.is((await converse([])).answers, undefined);
});

test.run();
