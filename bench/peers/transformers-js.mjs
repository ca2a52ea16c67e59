/**
 * Times of transformers.js for bench/generate.ts: transformers-js.mjs <package directory> <model directory> <prompt lengths>
 * <new tokens>. The package directory is where @huggingface/transformers is installed. The model is one that quern exported
 * with `layout: transformersjs`, or another of the same layout; DTYPE=q4 reads onnx/model_q4.onnx where its config.json does
 * not say which.
 */
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const [packages = '', directory = '', lengths = '', newTokens = ''] = process.argv.slice(2);
const entry = createRequire(join(resolve(packages), 'package.json')).resolve('@huggingface/transformers');
const { AutoModelForCausalLM, BaseStreamer, Tensor, env } = await import(pathToFileURL(entry).href);
env.allowRemoteModels = false;
const threads = Number(process.env.THREADS ?? 2);
const model = await AutoModelForCausalLM.from_pretrained(resolve(directory), {
  ...(process.env.DTYPE === undefined ? {} : { dtype: process.env.DTYPE }),
  device: 'cpu',
  session_options: { intraOpNumThreads: threads },
});

function now() {
  const { user, system } = process.cpuUsage();
  return process.env.CLOCK === 'processor' ? (user + system) / 1000 : performance.now();
}

/** Notes when tokens come: the prompt first, then each new one. */
class Clock extends BaseStreamer {
  times = [];
  put() {
    this.times.push(now());
  }
  end() {}
}

async function measure(promptLength, count) {
  const { vocab_size: vocabulary } = model.config;
  const ids = BigInt64Array.from({ length: promptLength }, (_, index) => BigInt((7919 * (index + 1)) % vocabulary));
  const shape = [1, promptLength];
  const streamer = new Clock();
  const start = now();
  await model.generate({
    input_ids: new Tensor('int64', ids, shape),
    attention_mask: new Tensor('int64', new BigInt64Array(promptLength).fill(1n), shape),
    ...{ streamer, do_sample: false, min_new_tokens: count, max_new_tokens: count },
  });
  const [, first, ...others] = streamer.times;
  if (others.length !== count - 1) throw new Error(`${others.length + 1} tokens instead of ${count}`);
  return { promptLength, prefillMs: first - start, msPerToken: (others.at(-1) - first) / others.length };
}

for (const length of lengths.split(',').map(Number)) {
  await measure(length, Number(newTokens));
  console.log(JSON.stringify(await measure(length, Number(newTokens))));
}
