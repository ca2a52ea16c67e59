import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { resolveSessionOptions } from '../../src/ort/session-options.js';

test('defaults optimize everything and configure nothing', () => {
  assert.equal(resolveSessionOptions({}), {
    graphOptimization: 'all',
    config: {},
    profilePrefix: undefined,
    provider: undefined,
  });
});

test('options become configuration entries', () => {
  const config = { 'session.use_deterministic_compute': '1' } as const;
  const options = resolveSessionOptions({ graphOptimization: 'basic', config, prepack: false }, '/models/a');
  assert.is(options.graphOptimization, 'basic');
  assert.equal(options.config, {
    'session.use_deterministic_compute': '1',
    'session.disable_prepacking': '1',
    'session.model_external_initializers_file_folder_path': '/models/a',
  });
});

test('a key that is not listed is refused with those that are', () => {
  const config = JSON.parse('{ "session.use_deterministic": "1" }');
  try {
    resolveSessionOptions({ config });
    assert.unreachable();
  } catch (error) {
    assert.match(String(error), /`session.use_deterministic` is not a session configuration key/);
    assert.match(Reflect.get(Object(error), 'suggestion'), /session.use_deterministic_compute/);
  }
});

test.run();
