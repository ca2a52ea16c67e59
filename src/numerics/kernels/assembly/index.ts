export { compare, scaleColumns, scaleRows } from './arithmetic';
export { quantizeBlock } from './blocks';
export { quantizeRows } from './gptq';
export { columnRange, decodeGroup, encodeGroup, findGroupScales, limitRange, pseudoQuantizeGroup } from './groups';
export { kQuantizeBlock } from './k-quant';
export { fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from './half';
export { decodeInt8, encodeInt8 } from './int8';
export { absmax, columnAbsmax } from './magnitudes';
export { transpose, transposeTile } from './transpose';
