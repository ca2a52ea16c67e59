/**
 * Variables that an action process gets. Results must not depend on the others, secrets among them have no business
 * there, and some make every process start slowly.
 */
const passedOn =
  /^(PATH|HOME|USER|LANG|LC_\w+|TZ|TMPDIR|TMP|TEMP|SYSTEMROOT|LD_LIBRARY_PATH|DYLD_LIBRARY_PATH|XDG_CACHE_HOME|ORT_\w+|QUERN_\w+|VK_\w+)$/i;

/** Variables by which programs reach the network: proxies, certificates, and the settings of the Hugging Face hub. */
const forNetwork = /^((HTTPS?|NO|ALL)_PROXY|NODE_EXTRA_CA_CERTS|SSL_CERT_\w+|HF_\w+|HUGGINGFACE_\w+)$/i;

/** The environment of an action process, made from that of this one. ONNX Runtime's telemetry is off unless asked for. */
export function actionEnvironment(usesNetwork: boolean): NodeJS.ProcessEnv {
  const passed = Object.entries(process.env).filter(
    ([name]) => passedOn.test(name) || (usesNetwork && forNetwork.test(name)),
  );
  return { ORT_DISABLE_TELEMETRY: '1', ...Object.fromEntries(passed) };
}
