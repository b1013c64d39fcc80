import { Worker } from 'node:worker_threads'
import type { Primitives } from '../ledger/primitives.ts'
import { HASH_BYTES, LEAF_PREFIX } from '../ledger/tree-hash.ts'
import { NODE_PRIMITIVES } from './hashing.ts'

/** Lines one after the other, each behind its prefix (RFC 6962 §2.1); `ends`: where each ends. */
export interface LeafBatch {
  bytes: Uint8Array<ArrayBuffer>
  ends: Uint32Array<ArrayBuffer>
}

export interface HashedBatch {
  hashes: Uint8Array<ArrayBuffer>
  bytes: Uint8Array<ArrayBuffer>
}

export interface LeafHashing {
  primitives: Primitives
  close(): Promise<void>
}

/** Primitives that hash the events of a bundle in a thread of their own, while this one builds the tree: about half of the work of a check each. */
export function openLeafHashing(): LeafHashing {
  const worker = new Worker(new URL('./leaf-worker.ts', import.meta.url))
  // One thread answers in the order in which it was asked.
  const waiting: PromiseWithResolvers<Uint8Array>[] = []
  // Memory that came back, at most as much as was once on its way: fresh pages for each batch cost more than filling them.
  const spare: Uint8Array<ArrayBuffer>[] = []
  let ended = false
  const end = (error: Error) => {
    ended = true
    for (const { reject } of waiting.splice(0)) reject(error)
  }
  worker.on('message', ({ hashes, bytes }: HashedBatch) => {
    spare.push(bytes)
    waiting.shift()?.resolve(hashes)
  })
  worker.on('error', end)
  worker.on('exit', () => end(new Error('the thread that hashes has ended')))
  const hashLeaves = async (lines: readonly Uint8Array[]) => {
    if (ended) throw new Error('the thread that hashes has ended')
    const batch = fill(spare.pop(), lines)
    const answer = Promise.withResolvers<Uint8Array>()
    waiting.push(answer)
    worker.postMessage(batch, [batch.bytes.buffer, batch.ends.buffer])
    const hashes = await answer.promise
    return lines.map((_, at) => hashes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES))
  }
  return { primitives: { ...NODE_PRIMITIVES, hashLeaves }, close: async () => void (await worker.terminate()) }
}

function fill(room: Uint8Array<ArrayBuffer> | undefined, lines: readonly Uint8Array[]): LeafBatch {
  let needed = lines.length
  for (const { length } of lines) needed += length
  const bytes = room !== undefined && room.length >= needed ? room : new Uint8Array(needed)
  const ends = new Uint32Array(lines.length)
  let end = 0
  for (const [at, line] of lines.entries()) {
    bytes[end] = LEAF_PREFIX
    bytes.set(line, end + 1)
    end += 1 + line.length
    ends[at] = end
  }
  return { bytes, ends }
}
