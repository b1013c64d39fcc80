// Compares the events of a bundle with the leaf hashes that the log committed to, in one pass and in memory that does not grow with either, and says
// of each difference what happened to which leaf.

import type { Lookahead } from './byte-stream.ts'
import { sameBytes, toHex } from './bytes.ts'

/**
 * How many leaves ahead a line of the file is looked for, nearest first; at most `LINES_AHEAD` lines are tried. Beyond that a difference is told as
 * changed events instead of moved, added or removed ones. Leaf hashes are small, so that a long run of removed events is still found.
 */
const LEAVES_AHEAD = [64, 1_024, 65_536]
const LINES_AHEAD = 1_024
/** Further differences are counted, not told. */
const DIFFERENCES_MAX = 1_000

export interface EventLine {
  bytes: Uint8Array
  hash: Uint8Array
}

/**
 * `leaf`: where it is, or was. `after` is the line before it that is as it was logged, by which a reader finds the place. `line` is what stands there
 * now; for a removed event nothing is known but its hash.
 */
export type Difference =
  | { kind: 'changed'; leaf: number; line: EventLine; after: EventLine | null }
  | { kind: 'removed'; leaf: number; after: EventLine | null }
  | { kind: 'added'; leaf: number; line: EventLine; after: EventLine | null }
  | { kind: 'moved'; leaf: number; found: number; line: EventLine; after: EventLine | null }

interface Strange {
  leaf: number
  line: EventLine
  after: EventLine | null
}
interface Lost {
  leaf: number
  hash: string
  after: EventLine | null
}

export interface Comparison {
  differences: Difference[]
  /** Differences beyond those told. */
  more: number
  events: number
  leaves: number
}

/** Hear every hash once and in its order: `onMatch` of an event that is where it was logged, the others of what only one side has there. */
export interface ComparisonListener {
  onMatch: (hash: Uint8Array) => void
  onEvent: (hash: Uint8Array) => void
  onLeaf: (hash: Uint8Array) => void
}

export async function compareLeaves(
  events: Lookahead<EventLine>,
  leaves: Lookahead<Uint8Array>,
  from: number,
  { onMatch, onEvent, onLeaf }: ComparisonListener,
): Promise<Comparison> {
  const strange: Strange[] = []
  const lost: Lost[] = []
  let [after, eventCount, leafCount, more]: [EventLine | null, number, number, number] = [null, 0, 0, 0]

  const takeEvent = (): EventLine | undefined => {
    const line = events.take()
    if (line !== undefined) onEvent(line.hash)
    if (line !== undefined) eventCount += 1
    return line
  }
  const takeLeaf = (): Uint8Array | undefined => {
    const hash = leaves.take()
    if (hash !== undefined) onLeaf(hash)
    if (hash !== undefined) leafCount += 1
    return hash
  }
  const skip = ({ lines, hashes }: Gap): void => {
    const begin = from + leafCount
    for (let at = 0; at < Math.max(lines, hashes); at += 1) {
      const line = at < lines ? takeEvent() : undefined
      const hash = at < hashes ? takeLeaf() : undefined
      if (strange.length + lost.length >= DIFFERENCES_MAX) more += 1
      else {
        if (line !== undefined) strange.push({ leaf: begin + Math.min(at, hashes), line, after })
        if (hash !== undefined) lost.push({ leaf: begin + at, hash: toHex(hash), after })
      }
    }
  }

  for (;;) {
    if (events.ready === 0) await events.fill(1)
    if (leaves.ready === 0) await leaves.fill(1)
    const [line, hash] = [events.peek(), leaves.peek()]
    if (line === undefined && hash === undefined) break
    if (line !== undefined && hash !== undefined && sameBytes(line.hash, hash)) {
      events.take()
      leaves.take()
      onMatch(hash)
      eventCount += 1
      leafCount += 1
      after = line
    } else if (more > 0) skip({ lines: 1, hashes: 1 })
    else skip(await nextMatch(events, leaves))
  }
  return { differences: explain(strange, lost), more, events: eventCount, leaves: leafCount }
}

/** How many lines and hashes stand before the next event that is in the log's order again. */
interface Gap {
  lines: number
  hashes: number
}

async function nextMatch(events: Lookahead<EventLine>, leaves: Lookahead<Uint8Array>): Promise<Gap> {
  for (const ahead of LEAVES_AHEAD) {
    await events.fill(Math.min(ahead, LINES_AHEAD))
    await leaves.fill(ahead)
    const gap = nearestMatch(events, Math.min(ahead, LINES_AHEAD, events.ready), leaves, Math.min(ahead, leaves.ready))
    if (gap !== undefined) return gap
  }
  return { lines: Math.min(LINES_AHEAD, events.ready), hashes: Math.min(LINES_AHEAD, leaves.ready) }
}

function nearestMatch(events: Lookahead<EventLine>, lines: number, leaves: Lookahead<Uint8Array>, hashes: number): Gap | undefined {
  const places = new Map<string, number>()
  for (let at = hashes - 1; at >= 0; at -= 1) places.set(toHex(leaves.peek(at) ?? new Uint8Array()), at)
  let nearest: Gap | undefined
  const distance = (): number => (nearest === undefined ? Number.POSITIVE_INFINITY : nearest.lines + nearest.hashes)
  for (let at = 0; at < lines && at < distance(); at += 1) {
    const place = places.get(toHex(events.peek(at)?.hash ?? new Uint8Array()))
    if (place !== undefined && at + place < distance()) nearest = { lines: at, hashes: place }
  }
  return nearest
}

/** A strange line whose hash is that of a lost leaf was moved; one that stands in the place of a lost leaf is what became of it. */
function explain(strange: readonly Strange[], lost: readonly Lost[]): Difference[] {
  const missing = new Map(lost.map((one) => [one.leaf, one]))
  const byHash = new Map(lost.map((one) => [one.hash, one]))
  const differences: Difference[] = []
  const rest = strange.filter(({ line, leaf, after }) => {
    const origin = byHash.get(toHex(line.hash))
    if (origin === undefined || !missing.delete(origin.leaf)) return true
    differences.push({ kind: 'moved', leaf: origin.leaf, found: leaf, line, after })
    return false
  })
  for (const { leaf, line, after } of rest) {
    differences.push({ kind: missing.delete(leaf) ? 'changed' : 'added', leaf, line, after })
  }
  for (const { leaf, after } of missing.values()) differences.push({ kind: 'removed', leaf, after })
  return differences.sort((left, right) => left.leaf - right.leaf)
}
