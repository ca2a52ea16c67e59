import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openRemoteSources } from '../../src/hub/hub-sources.js';
import type { RemoteFinding, RemoteRequest } from '../../src/hub/remote-source.js';
import type { HubSettings } from '../../src/hub/settings.js';
import { withTemporaryDirectory } from '../support/temporary.js';
import type { FakeHub } from './fake-hub.js';
import { answerWith, commit, cutAfter, sha256Of, withFakeHub } from './fake-hub.js';
import { failure } from './support.js';

const weights = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7919) % 251));
const request: RemoteRequest = { name: 'float.source', path: `hf:org/model@${commit}`, select: (names) => names };

function withHub(use: (hub: FakeHub, settings: HubSettings, directory: string) => Promise<void>): Promise<void> {
  return withTemporaryDirectory((directory) =>
    withFakeHub({ 'model.safetensors': weights, 'config.json': '{}' }, (hub) =>
      use(hub, hub.settings(directory), directory),
    ),
  );
}

function find(settings: HubSettings, change: Partial<RemoteRequest> = {}): Promise<RemoteFinding> {
  return openRemoteSources(settings, { download: true }).find({ ...request, ...change });
}

function weightsOf(finding: RemoteFinding): Buffer {
  if (finding.state !== 'here') throw new Error('the source was not downloaded');
  const file = finding.files.find(({ name }) => name === 'model.safetensors');
  return readFileSync(file?.path ?? '');
}

const toWeights = /^\/cdn\/model\.safetensors/;
const rangesOf = (hub: FakeHub) => hub.seen.filter(({ path }) => toWeights.test(path)).map(({ range }) => range);
const blob = (directory: string) => join(directory, 'hub/models--org--model/blobs', sha256Of(weights));

test('files get the layout that programs of Hugging Face share', () =>
  withHub(async (_hub, settings, directory) => {
    const finding = await find(settings, { path: 'hf:org/model' });
    assert.is(finding.origin, `hf:org/model@${commit}`);
    const repository = join(directory, 'hub/models--org--model');
    assert.ok(weights.equals(readFileSync(join(repository, 'snapshots', commit, 'model.safetensors'))));
    assert.ok(weights.equals(readFileSync(join(repository, 'blobs', sha256Of(weights)))));
    // The git blob id of a file with the content `{}`.
    assert.ok(existsSync(join(repository, 'blobs', '9e26dfeeb6e641a33dae4961196235bdb965b21b')));
    assert.is(readFileSync(join(repository, 'refs/main'), 'utf8'), commit);
  }));

test('a cut connection is taken up where it ended, as often as it gets further', () =>
  withHub(async (hub, settings) => {
    hub.faults.push(...Array.from({ length: 10 }, () => cutAfter(20_000)));
    const reported: number[] = [];
    const onProgress = ({ doneBytes }: { doneBytes: number }) => reported.push(doneBytes);
    assert.ok(weights.equals(weightsOf(await find(settings, { onProgress }))));
    const starts = rangesOf(hub).map((range) => Number(/\d+/.exec(range ?? '0')?.[0]));
    assert.is(starts.length, 11);
    assert.ok(starts.every((start, index) => index === 0 || start > (starts[index - 1] ?? 0)));
    assert.is(reported.at(-1), weights.length + 2);
  }));

test('what an earlier process left is gone on with', () =>
  withHub(async (hub, settings, directory) => {
    mkdirSync(join(directory, 'hub/models--org--model/blobs'), { recursive: true });
    writeFileSync(`${blob(directory)}.quern.incomplete`, weights.subarray(0, 1000));
    assert.ok(weights.equals(weightsOf(await find(settings))));
    assert.equal(rangesOf(hub), ['bytes=1000-']);
  }));

test('what an earlier process left damaged or too long is downloaded anew', () =>
  withHub(async (hub, settings, directory) => {
    mkdirSync(join(directory, 'hub/models--org--model/blobs'), { recursive: true });
    writeFileSync(`${blob(directory)}.quern.incomplete`, Buffer.alloc(1000, 1));
    assert.ok(weights.equals(weightsOf(await find(settings))));
    assert.equal(rangesOf(hub), ['bytes=1000-', undefined]);
  }));

test('a server that knows no ranges is asked for everything', () =>
  withHub(async (hub, settings, directory) => {
    mkdirSync(join(directory, 'hub/models--org--model/blobs'), { recursive: true });
    writeFileSync(`${blob(directory)}.quern.incomplete`, weights.subarray(0, 1000));
    hub.faults.push((message, response, content) => {
      if (!toWeights.test(message.url ?? '')) return false;
      response.end(content);
      return true;
    });
    assert.ok(weights.equals(weightsOf(await find(settings))));
    assert.is(rangesOf(hub).length, 1);
  }));

test('content that is not what the hub lists is refused and not kept', () =>
  withHub(async (hub, settings, directory) => {
    const sendInstead = (content: Buffer) => {
      hub.faults.push((message, response) => {
        if (!toWeights.test(message.url ?? '')) return false;
        response.end(content);
        return true;
      });
    };
    sendInstead(Buffer.from(weights.map((byte, index) => (index === 12_345 ? byte ^ 1 : byte))));
    assert.match((await failure(find(settings))).message, /^model\.safetensors of org\/model on .* arrived damaged/);
    assert.not(existsSync(blob(directory)));
    assert.not(existsSync(`${blob(directory)}.quern.incomplete`));
    sendInstead(Buffer.concat([weights, weights]));
    assert.match((await failure(find(settings))).message, /is longer than the 300000 bytes it should have/);
    assert.ok(weights.equals(weightsOf(await find(settings))));
  }));

test('a busy server is asked again, and given up after six times', () =>
  withHub(async (hub, settings) => {
    hub.faults.push(
      answerWith(429, /^\/api/, { 'retry-after': '0' }),
      answerWith(503, toWeights),
      answerWith(500, toWeights),
    );
    assert.ok(weights.equals(weightsOf(await find(settings))));
    assert.is(rangesOf(hub).length, 3);
  }));

test('a server that stays busy is given up', () =>
  withHub(async (hub, settings) => {
    hub.faults.push(...Array.from({ length: 6 }, () => answerWith(429, /^\/api/)));
    const error = await failure(find(settings));
    assert.match(
      error.message,
      /^org\/model on 127\.0\.0\.1:\d+ can't be reached: the server answers with status 429$/,
    );
    assert.match(error.suggestion ?? '', /^try again later .*--offline/);
    assert.is(hub.seen.length, 6);
  }));

test('a server that asks for more patience than anybody has is given up at once', () =>
  withHub(async (hub, settings) => {
    hub.faults.push(answerWith(429, /^\/api/, { 'retry-after': '86400' }));
    await failure(find(settings));
    assert.is(hub.seen.length, 1);
  }));

test('a download that is stopped leaves what came', () =>
  withHub(async (hub, settings, directory) => {
    const stop = new AbortController();
    hub.faults.push((message, response, content) => {
      if (!toWeights.test(message.url ?? '')) return false;
      response.setHeader('content-length', weights.length);
      response.write(content?.subarray(0, 50_000));
      return true;
    });
    const onProgress = ({ doneBytes }: { doneBytes: number }) => {
      if (doneBytes >= 50_000) stop.abort(new Error('stopped'));
    };
    let message = '';
    await find(settings, { onProgress, signal: stop.signal }).catch((error: Error) => {
      message = error.message;
    });
    assert.is(message, 'stopped');
    assert.ok(weights.equals(weightsOf(await find(settings))));
    assert.equal(rangesOf(hub), [undefined, 'bytes=50000-']);
    assert.ok(existsSync(blob(directory)));
  }));

test.run();
