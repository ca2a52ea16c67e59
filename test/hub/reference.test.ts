import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hubReferenceText, isRemote, parseHubReference, parseUrlReference } from '../../src/hub/reference.js';

test('an hf: source names repository, revision and path', () => {
  const cases: readonly (readonly [text: string, type: string, repository: string, revision: string, path?: string])[] =
    [
      ['hf:facebook/opt-1.3b', 'model', 'facebook/opt-1.3b', 'main'],
      ['hf:gpt2@v1', 'model', 'gpt2', 'v1'],
      ['hf:org/name/file.gguf', 'model', 'org/name', 'main', 'file.gguf'],
      ['hf:org/name@main/sub dir/file@2.gguf', 'model', 'org/name', 'main', 'sub dir/file@2.gguf'],
      ['hf:datasets/org/name@refs/convert/parquet/a/b', 'dataset', 'org/name', 'refs/convert/parquet', 'a/b'],
      ['hf:datasets/squad', 'dataset', 'squad', 'main'],
      ['hf:org/name@feature%2Fx', 'model', 'org/name', 'feature/x'],
    ];
  for (const [text, type, repository, revision, path] of cases) {
    const reference = parseHubReference(text);
    assert.equal(reference, { type, repository, revision, path }, text);
    assert.equal(parseHubReference(hubReferenceText(reference)), reference);
  }
});

test('what names no place on the hub is refused', () => {
  const wrong = ['hf:', 'hf:org/', 'hf:/name', 'hf:org/name@', 'hf:../name', 'hf:org/..', 'hf:org/name@main/../x'];
  for (const text of [...wrong, 'hf:org/name@main//x', 'hf:org/name@..%2F..', 'hf:org/name@%', 'hf:o rg/name']) {
    assert.throws(() => parseHubReference(text), /^hf:.* (does not name a place|has the revision)/, text);
  }
});

test('a url: source names one file', () => {
  assert.equal(parseUrlReference('url:https://host/a/model.gguf?x=1'), {
    url: 'https://host/a/model.gguf?x=1',
    fileName: 'model.gguf',
  });
  for (const text of [
    'url:',
    'url:model.gguf',
    'url:https://host/',
    'url:file:///etc/passwd',
    'url:https://host/a%2Fb/..',
  ]) {
    assert.throws(() => parseUrlReference(text), /is not the address of a file/, text);
  }
});

test('other sources are paths', () => {
  assert.equal(['./hf:x', 'models/opt', '/a', 'url', 'hf:a/b', 'url:https://a/b'].map(isRemote), [
    ...[false, false, false, false],
    ...[true, true],
  ]);
});

test.run();
