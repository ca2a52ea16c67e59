const nobody = 65534;

/** Calls `use` without the rights of root, which would pass every permission check. */
export async function asOrdinaryUser<T>(use: () => T | Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return use();
  process.seteuid?.(nobody);
  try {
    return await use();
  } finally {
    process.seteuid?.(0);
  }
}
