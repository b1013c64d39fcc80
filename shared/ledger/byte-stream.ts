import { concatBytes } from './bytes.ts'

const NEWLINE = 0x0a

/** The pieces of a file as they come, in lists so that a caller waits once for each chunk and not once for each piece. */
export type Pieces<T> = AsyncIterable<readonly T[]>

/**
 * The lines of a file without their newlines. A line longer than `bytesMax` is cut there (its bytes are no event's); what follows the last newline
 * is a line as well, unless it is empty. The chunks are kept: a source must not write into them again.
 */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>, bytesMax: number): Pieces<Uint8Array> {
  let rest: Uint8Array[] = []
  let restBytes = 0
  const keep = (piece: Uint8Array): void => {
    const room = bytesMax + 1 - restBytes
    if (room <= 0 || piece.length === 0) return
    rest.push(piece.subarray(0, room))
    restBytes += Math.min(room, piece.length)
  }
  for await (const chunk of chunks) {
    const lines: Uint8Array[] = []
    let from = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      if (rest.length === 0) lines.push(chunk.subarray(from, Math.min(end, from + bytesMax + 1)))
      else {
        keep(chunk.subarray(from, end))
        lines.push(concatBytes(rest))
        rest = []
        restBytes = 0
      }
      from = end + 1
    }
    keep(chunk.subarray(from))
    yield lines
  }
  if (restBytes > 0) yield [concatBytes(rest)]
}

/** A file of records of one size, in bytes; a last one that is shorter comes as it is. */
export async function* recordsOf(chunks: AsyncIterable<Uint8Array>, recordBytes: number): Pieces<Uint8Array> {
  let rest: Uint8Array = new Uint8Array()
  for await (const chunk of chunks) {
    const bytes = rest.length === 0 ? chunk : concatBytes([rest, chunk])
    const records: Uint8Array[] = []
    let at = 0
    for (; at + recordBytes <= bytes.length; at += recordBytes) records.push(bytes.subarray(at, at + recordBytes))
    rest = bytes.subarray(at)
    yield records
  }
  if (rest.length > 0) yield [rest]
}

/** Reads ahead by as much as is asked for, and no further. */
export class Lookahead<T> {
  readonly #source: AsyncIterator<readonly T[]>
  #ready: T[] = []
  #at = 0
  #ended = false

  constructor(source: Pieces<T>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  /** How many are ready; fewer than asked for with `fill` only at the end. */
  get ready(): number {
    return this.#ready.length - this.#at
  }

  async fill(count: number): Promise<void> {
    while (this.ready < count && !this.#ended) {
      const { value, done } = await this.#source.next()
      if (done) this.#ended = true
      else this.#ready = [...this.#ready.slice(this.#at), ...value]
      if (!done) this.#at = 0
    }
  }

  peek(at = 0): T | undefined {
    return this.#ready[this.#at + at]
  }

  take(): T | undefined {
    const next = this.peek()
    if (this.ready > 0) this.#at += 1
    return next
  }
}
