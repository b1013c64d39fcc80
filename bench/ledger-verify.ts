import { createHash } from 'node:crypto'
import { NODE_PRIMITIVES } from '../shared/blobs/hashing.ts'
import { openLeafHashing } from '../shared/blobs/leaf-hashing.ts'
import { checkBundle } from '../shared/ledger/bundle-check.ts'
import type { BundleSource } from '../shared/ledger/bundle-files.ts'
import { NOBLE, type Primitives } from '../shared/ledger/primitives.ts'
import { type BundleParts, makeBundle } from '../test/support/ledger-bundle.ts'
import { VKEYS } from '../test/support/ledger-keys.ts'
import { DeliveryError } from './options.ts'
import { compare, type Row } from './report.ts'
import { interleave, perSecond, timedHere } from './rounds.ts'

const CHUNK_BYTES = 65_536
const BYTES_PER_MB = 1_000_000
/** A bundle in memory, in chunks as a file gives them: what is measured is the check and not the disk. */
export async function verifyRows(body: string, events: number, rounds: number): Promise<Row[]> {
  const template = JSON.parse(body) as Record<string, unknown>
  const event = (leaf: number) => ({ ...template, event_id: `01890000-0000-7000-8000-${String(leaf).padStart(12, '0')}` })
  const { files } = await makeBundle({ size: events, event })
  const bytes = [...files.values()].reduce((sum, { length }) => sum + length, 0)
  const megabytes = bytes / BYTES_PER_MB
  const bare = () => timedHere(megabytes, async () => hashAll(files))
  const checked = (primitives: Primitives) => () =>
    timedHere(megabytes, async () => {
      const { status } = await checkBundle(sourceOf(files), { vkey: VKEYS.first }, primitives)
      if (status !== 'whole') throw new DeliveryError(`the bundle is ${status}`)
    })
  const note = `${events} events, ${Math.round(bytes / events)} bytes each; SHA-256 by OpenSSL in one thread, of the files one after the other`
  const hashing = openLeafHashing()
  const measured = await interleave(rounds, { product: checked(hashing.primitives), baseline: bare })
  await hashing.close()
  const alone = await interleave(rounds, { product: checked(NODE_PRIMITIVES), baseline: bare })
  const pure = await interleave(1, { product: checked(NOBLE), baseline: bare })
  return [
    compare({ name: 'bundle checked, in two threads', unit: 'MB/s', measured, of: perSecond, goal: { of: 'ratio', atLeast: 0.5 }, note }),
    compare({ name: 'bundle checked, in one thread', unit: 'MB/s', measured: alone, of: perSecond, goal: null }),
    compare({ name: 'bundle checked in pure JavaScript, as in a browser', unit: 'MB/s', measured: pure, of: perSecond, goal: null }),
  ]
}

function hashAll(files: BundleParts): void {
  for (const content of files.values()) {
    const hash = createHash('sha256')
    for (const chunk of chunksOf(content)) hash.update(chunk)
    hash.digest()
  }
}

function sourceOf(files: BundleParts): BundleSource {
  return {
    paths: async () => [...files.keys()],
    async *read(path) {
      yield* chunksOf(files.get(path) ?? new Uint8Array())
    },
  }
}

function* chunksOf(content: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < content.length; at += CHUNK_BYTES) yield content.subarray(at, at + CHUNK_BYTES)
}
