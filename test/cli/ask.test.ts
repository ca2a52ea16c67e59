import { PassThrough } from 'node:stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Answers, askForTemplate } from '../../src/cli/ask.js';
import { readTemplate } from '../../src/cli/templates.js';

/** Answers each question, which ends with the value in brackets, with the next of the lines; then ends the input. */
async function converse(lines: readonly string[]): Promise<{ answers: Answers | undefined; shown: string }> {
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
  const answers = await askForTemplate(['opt'], readTemplate, input, output);
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
