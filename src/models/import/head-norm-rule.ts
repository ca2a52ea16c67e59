import type { ImportRule } from './import-context.js';
import { normName, normOf } from './norm-rule.js';

/** A norm of each head between two changes of shape. */
export const headNormRule: ImportRule = (context, value) => {
  const { source, sizes, builder } = context;
  const joining = value.producer;
  const features = source.dims(value)?.at(-1) ?? 0;
  if (joining?.opType !== 'Reshape' || features % sizes.headSize !== 0 || features === sizes.headSize) return undefined;
  const norm = normOf(source, joining.requireInput(0));
  const splitting = norm?.input.producer;
  if (norm === undefined || norm.hasMean || norm.weight.dims[0] !== sizes.headSize || splitting?.opType !== 'Reshape')
    return undefined;
  const whole = splitting.requireInput(0);
  if (source.dims(whole)?.at(-1) !== features) return undefined;
  const input = context.translate(whole);
  return builder.headNorm(normName(context, norm), input, features / sizes.headSize, norm.weight, norm.epsilon);
};
