// A thread that hashes what `leaf-hashing.ts` sends it, batch after batch, and gives the memory back with the hashes.
import { hash } from 'node:crypto'
import { parentPort } from 'node:worker_threads'
import { HASH_BYTES } from '../ledger/tree-hash.ts'
import type { HashedBatch, LeafBatch } from './leaf-hashing.ts'

parentPort?.on('message', ({ bytes, ends }: LeafBatch) => {
  const hashes = new Uint8Array(ends.length * HASH_BYTES)
  let from = 0
  for (let line = 0; line < ends.length; line += 1) {
    const end = ends[line] ?? from
    const digest = hash('sha256', bytes.subarray(from, end), 'latin1')
    for (let at = 0; at < HASH_BYTES; at += 1) hashes[line * HASH_BYTES + at] = digest.charCodeAt(at)
    from = end
  }
  parentPort?.postMessage({ hashes, bytes } satisfies HashedBatch, [hashes.buffer, bytes.buffer])
})
