/** Threads that a run may be given at the most: more than the largest machines have, fewer than would exhaust one. */
export const mostThreads = 1024;
