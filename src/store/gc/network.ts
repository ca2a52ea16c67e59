import { statfsSync } from 'node:fs';

/** Magic numbers of NFS, SMB, CIFS, SMB2, 9P, Ceph, AFS, Lustre and FUSE (`statfs(2)`, `linux/magic.h`). */
const networkTypes = new Set([
  0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x01021997, 0x00c36400, 0x5346414f, 0x0bd00bd3, 0x65735546,
]);

/** For so long one machine may not see what another one has written (attribute caches of NFS: 60 s at most). */
const staleMs = 120_000;

/** How much longer than elsewhere things count as used on the file system of a path, in milliseconds. */
export function networkGraceMs(path: string): number {
  return networkTypes.has(statfsSync(path).type) ? staleMs : 0;
}
