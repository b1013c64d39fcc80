import { concatBytes, fromUtf8 } from './bytes.ts'
import { LedgerError } from './ledger-error.ts'
import type { Primitives } from './primitives.ts'

/** Where a bundle lies: a folder, an archive, files that were dropped on a page. Chunks of any size; they must not be written into again. */
export interface BundleSource {
  /** Every file, relative, with `/` between folders. */
  paths(): Promise<readonly string[]>
  read(path: string): AsyncIterable<Uint8Array>
}

/** The files of a bundle; each that is streamed to its end is hashed on the way. */
export class BundleFiles {
  readonly paths: ReadonlySet<string>
  /** Paths that the source names twice, as an archive can: another reader may take the other one. */
  readonly repeated: readonly string[]
  readonly #source: BundleSource
  readonly #primitives: Primitives
  readonly #digests = new Map<string, Uint8Array>()

  private constructor(paths: readonly string[], source: BundleSource, primitives: Primitives) {
    this.paths = new Set(paths)
    this.repeated = [...paths].sort().filter((path, at, sorted) => path === sorted[at - 1])
    this.#source = source
    this.#primitives = primitives
  }

  static async open(source: BundleSource, primitives: Primitives): Promise<BundleFiles> {
    return new BundleFiles(await source.paths(), source, primitives)
  }

  /** As `stream`, without a hash: for what is proven otherwise. */
  async *unhashed(path: string): AsyncGenerator<Uint8Array> {
    if (this.paths.has(path)) yield* this.#source.read(path)
  }

  /** Nothing for a file that is not there. */
  async *stream(path: string): AsyncGenerator<Uint8Array> {
    if (!this.paths.has(path)) return
    const hash = this.#primitives.createSha256()
    for await (const chunk of this.#source.read(path)) {
      hash.update(chunk)
      yield chunk
    }
    this.#digests.set(path, hash.digest())
  }

  /** A whole file as text. Throws `BUNDLE_MALFORMED` where it is longer or no UTF-8. */
  async text(path: string, bytesMax: number): Promise<string> {
    const chunks: Uint8Array[] = []
    let bytes = 0
    for await (const chunk of this.stream(path)) {
      bytes += chunk.length
      if (bytes <= bytesMax) chunks.push(chunk)
    }
    if (bytes > bytesMax) throw new LedgerError('BUNDLE_MALFORMED', `longer than ${bytesMax} bytes`)
    return fromUtf8(concatBytes(chunks), 'BUNDLE_MALFORMED')
  }

  async digest(path: string): Promise<Uint8Array> {
    // Read to its end for the hash that this leaves behind.
    const chunks = this.stream(path)
    while (!this.#digests.has(path) && !(await chunks.next()).done);
    return this.#digests.get(path) ?? new Uint8Array()
  }
}
