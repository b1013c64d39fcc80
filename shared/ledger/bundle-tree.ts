// The part of `checkBundle` that reads events and leaf hashes: do they lead to the signed root, and if not, which leaf is it?
import { type BundleManifest, EVENTS, LEAVES, numberedPaths, RANGE_PROOF } from './bundle.ts'
import { type BundleContext, openOwn } from './bundle-context.ts'
import { checkHistory, type History, readHistory } from './bundle-history.ts'
import { Lookahead, linesOf, type Pieces, recordsOf } from './byte-stream.ts'
import { fromUtf8, sameBytes } from './bytes.ts'
import { EVENT_BYTES_MAX } from './canonical.ts'
import { CompactRange } from './compact-range.ts'
import { type Comparison, compareLeaves, type Difference, type EventLine } from './leaf-comparison.ts'
import { LedgerError } from './ledger-error.ts'
import { type LeafRange, verifyInclusion } from './merkle.ts'
import { NOTE_BYTES_MAX } from './note.ts'
import type { HashLeaves } from './primitives.ts'
import { parseTlogProof } from './proof.ts'
import { closeRange, openRange, parseRangeProof, type RangeProof } from './range-proof.ts'
import { HASH_BYTES } from './tree-hash.ts'
import type { ProblemCode } from './verdict.ts'

/** Lines that are hashed together, and how many such batches are asked for before the first one is needed: so much more than a chunk is held. */
const BATCH_BYTES = 512 * 1024
const BATCHES_AHEAD = 3

export interface TreeClaim {
  /** Size and root as signed. */
  head: { size: number; root: Uint8Array }
  manifest: BundleManifest | undefined
  knownCheckpoint: string | undefined
}

export interface BundleTree extends LeafRange {
  events: number
  /** The signed root leaves no other bytes for the file of events, which need not be hashed a second time for the manifest. */
  eventsProven: boolean
}

/** What the stream of leaves left behind: roots of the tree at earlier sizes, and the leaf hashes that tlog-proofs are about. */
interface Passed {
  comparison: Comparison
  leavesProven: boolean
  eventsProven: boolean
  /** Lines with one newline behind each, none of them cut, are all that the file holds. */
  eventsExact: boolean
  roots: ReadonlyMap<number, Uint8Array>
  hashes: ReadonlyMap<number, Uint8Array>
}

export async function checkTree(context: BundleContext, claim: TreeClaim): Promise<BundleTree | undefined> {
  const { findings, files } = context
  const proof = await readRangeProof(context, claim)
  const range = claim.manifest ?? proof
  if (range === undefined) return undefined
  const history = await readHistory(context, claim)
  const passed = await passLeaves(context, claim, range, proof, history)

  const leavesSigned = claim.manifest?.files.get(LEAVES)
  const leavesTrusted = passed.leavesProven || (leavesSigned !== undefined && sameBytes(leavesSigned, await files.digest(LEAVES)))
  if (!passed.leavesProven && proof !== undefined && files.paths.has(LEAVES))
    findings.add('ROOT_WRONG', LEAVES, 'the leaf hashes do not lead to the signed root')
  if (!passed.eventsProven && proof !== undefined && files.paths.has(EVENTS))
    findings.add('ROOT_WRONG', EVENTS, 'the events do not lead to the signed root')
  if (files.paths.has(EVENTS) && files.paths.has(LEAVES)) {
    for (const difference of passed.comparison.differences) report(context, difference, !leavesTrusted && passed.eventsProven)
    findings.count(passed.comparison.more)
  }
  checkHistory(context, claim.head, history, passed.leavesProven ? passed.roots : new Map())
  if (passed.leavesProven) await checkProofs(context, passed.hashes)
  return { from: range.from, to: range.to, events: passed.comparison.events, eventsProven: passed.eventsProven && passed.eventsExact }
}

function readRangeProof(context: BundleContext, { head, manifest }: TreeClaim): Promise<RangeProof | undefined> {
  return context.findings.attempt(RANGE_PROOF, async () => {
    if (!context.files.paths.has(RANGE_PROOF)) return undefined
    const proof = parseRangeProof(await context.files.text(RANGE_PROOF, NOTE_BYTES_MAX))
    const checkpoint = openOwn(context, proof.checkpoint)
    if (checkpoint.size !== head.size || !sameBytes(checkpoint.root, head.root))
      throw new LedgerError('PROOF_WRONG', 'of another checkpoint')
    if (manifest !== undefined && (manifest.from !== proof.from || manifest.to !== proof.to))
      throw new LedgerError('PROOF_WRONG', 'of another range')
    openRange(proof, head.size, context.tree)
    return proof
  })
}

async function passLeaves(
  { files, tree, hashLeaves }: BundleContext,
  { head }: TreeClaim,
  { from }: LeafRange,
  proof: RangeProof | undefined,
  history: History,
): Promise<Passed> {
  const wanted = new Set(numberedPaths(files.paths, 'proofs').map(({ number }) => number))
  const roots = new Map<number, Uint8Array>()
  const hashes = new Map<number, Uint8Array>()
  const leaves = proof === undefined ? new CompactRange(from, tree) : openRange(proof, head.size, tree)
  let events: CompactRange | undefined
  const bytes = { read: 0, inLines: 0 }
  const note = (): void => {
    if (leaves.from === 0 && history.sizes.has(leaves.to)) roots.set(leaves.to, leaves.root())
  }
  const onLeaf = (hash: Uint8Array): void => {
    if (wanted.has(leaves.to)) hashes.set(leaves.to, hash)
    if (hash.length === HASH_BYTES) leaves.push(0, hash)
    note()
  }
  note()
  const comparison = await compareLeaves(
    new Lookahead(eventLines(files.unhashed(EVENTS), hashLeaves, bytes)),
    new Lookahead(recordsOf(files.stream(LEAVES), HASH_BYTES)),
    from,
    {
      onMatch: (hash) => {
        events?.push(0, hash)
        onLeaf(hash)
      },
      // Up to the first difference both have the same leaves, which are hashed once.
      onEvent: (hash) => {
        events ??= leaves.clone()
        events.push(0, hash)
      },
      onLeaf: (hash) => {
        events ??= leaves.clone()
        onLeaf(hash)
      },
    },
  )
  const proven = (range: CompactRange): boolean =>
    proof !== undefined && range.to === proof.to && sameBytes(closeRange(range, proof, head.size), head.root)
  const leavesProven = proven(leaves) && comparison.leaves === leaves.to - from
  const eventsProven = events === undefined ? leavesProven : proven(events)
  return { comparison, leavesProven, eventsProven, eventsExact: bytes.read === bytes.inLines, roots, hashes }
}

async function* eventLines(
  chunks: AsyncIterable<Uint8Array>,
  hashLeaves: HashLeaves,
  counted: { read: number; inLines: number },
): Pieces<EventLine> {
  async function* counting(): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      counted.read += chunk.length
      yield chunk
    }
  }
  const hashed = async (lines: readonly Uint8Array[]): Promise<EventLine[]> => {
    const hashes = await hashLeaves(lines)
    return lines.map((bytes, at) => ({ bytes, hash: hashes[at] ?? new Uint8Array() }))
  }
  const asked: Promise<EventLine[]>[] = []
  const ask = (lines: readonly Uint8Array[]): void => {
    const answer = hashed(lines)
    // Heard when its turn comes, which it does not where an earlier one fails.
    answer.catch(() => undefined)
    asked.push(answer)
  }
  let lines: Uint8Array[] = []
  let bytes = 0
  for await (const more of linesOf(counting(), EVENT_BYTES_MAX)) {
    for (const line of more) bytes += line.length + 1
    lines = lines.length === 0 ? [...more] : [...lines, ...more]
    if (bytes < BATCH_BYTES) continue
    counted.inLines += bytes
    ask(lines)
    lines = []
    bytes = 0
    if (asked.length > BATCHES_AHEAD) yield (await asked.shift()) ?? []
  }
  counted.inLines += bytes
  ask(lines)
  for (const answer of asked) yield await answer
}

/** `leavesLie`: the events lead to the root and the list of their hashes does not. */
function report({ findings }: BundleContext, difference: Difference, leavesLie: boolean): void {
  const { leaf, after } = difference
  const at = { leaf, event_id: difference.kind === 'removed' ? null : eventId(difference.line) }
  const place = after === null ? 'before every other event' : `after event ${eventId(after) ?? 'without an id'}`
  if (leavesLie) findings.add('FILE_CHANGED', LEAVES, `does not hold the hash of leaf ${leaf}, ${place}`, at)
  else findings.add(...describe(difference, place), at)
}

function describe(difference: Difference, place: string): [code: ProblemCode, path: string, what: string] {
  const { leaf } = difference
  switch (difference.kind) {
    case 'changed':
      return ['EVENT_CHANGED', EVENTS, `leaf ${leaf}, ${place}, is not what was logged`]
    case 'removed':
      return ['EVENT_REMOVED', EVENTS, `leaf ${leaf}, ${place}, is missing`]
    case 'added':
      return ['EVENT_ADDED', EVENTS, `a line where leaf ${leaf} belongs, ${place}, was never logged`]
    case 'moved':
      return ['EVENT_MOVED', EVENTS, `leaf ${leaf} was moved to where leaf ${difference.found} belongs, ${place}`]
  }
}

/** What a line says of itself; it may be no event at all. */
function eventId({ bytes }: EventLine): string | null {
  try {
    const value: unknown = JSON.parse(fromUtf8(bytes, 'NOT_CANONICAL'))
    const id = typeof value === 'object' && value !== null && 'event_id' in value ? value.event_id : null
    return typeof id === 'string' && id.length <= 64 ? id : null
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof LedgerError) return null
    throw error
  }
}

async function checkProofs(context: BundleContext, hashes: ReadonlyMap<number, Uint8Array>): Promise<void> {
  for (const { path, number } of numberedPaths(context.files.paths, 'proofs')) {
    await context.findings.attempt(path, async () => {
      const { index, hashes: siblings, checkpoint } = parseTlogProof(await context.files.text(path, NOTE_BYTES_MAX))
      const leafHash = hashes.get(index)
      if (index !== number || leafHash === undefined) throw new LedgerError('PROOF_WRONG', 'of a leaf that is not in this bundle')
      const { size, root } = openOwn(context, checkpoint)
      verifyInclusion({ index, size, leafHash, hashes: siblings, root }, context.tree)
    })
  }
}
