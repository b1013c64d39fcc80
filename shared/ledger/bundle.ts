// An audit bundle: the events of a log, or of a run of its leaves, with everything that is needed to check them without network and server.
//
//   bundle.note            the manifest below, signed by the log's key; it covers every byte of every other file
//   events.jsonl           one event on each line, canonical JSON, ended by a newline; the leaves from `from` up to `to`, in their order
//   leaves                 the leaf hash of each of these events, 32 bytes each: it says which line was changed, moved, added or removed
//   range-proof            `range-proof.ts`; also for the whole log, where it holds no hashes
//   checkpoint             the signed checkpoint that the bundle is checked against
//   log.vkey               the log's verifier key and a newline, for information: the auditor pins a key that came another way
//   rotations/<n>          `key-rotation.ts`, all of them, n = 0, 1, 2 ...
//   consistency/<size>     `consistency-proof.ts`: the log's checkpoint of that size is a prefix of this bundle's
//   proofs/<leaf>          `proof.ts`, a tlog-proof@v1 of the event at that leaf, to be handed on by itself
//   rules/<kind>-<SHA-256>.yaml   the policy, the register of processors or the activities that events name by this hash of the file's bytes, in hexadecimal
//   register.json activities.yaml policy.yaml README.md and others: bound by the manifest alone
//
// The manifest:
//
//   greffier.bundle/1
//   <origin>
//   <size>
//   <root, base64>
//   <from> <to>
//   <SHA-256, hexadecimal>  <path>        one line for each file, sorted by path; as `sha256sum --check` reads them
import { fromBase64, fromHex, readDecimal, toBase64, toHex } from './bytes.ts'
import { LedgerError } from './ledger-error.ts'
import type { LeafRange } from './merkle.ts'
import { type NoteSigner, signNote } from './note.ts'
import { HASH_BYTES } from './tree-hash.ts'

const FORMAT = 'greffier.bundle/1'
export const FILES_MAX = 100_000
const PATH_LENGTH_MAX = 200
/** For each file its hash, two spaces, the path and a newline; and the lines before them. */
export const MANIFEST_BYTES_MAX = FILES_MAX * (64 + 2 + PATH_LENGTH_MAX + 1) + 10_000

export const MANIFEST = 'bundle.note'
export const EVENTS = 'events.jsonl'
export const LEAVES = 'leaves'
export const RANGE_PROOF = 'range-proof'
export const CHECKPOINT = 'checkpoint'
export const LOG_VKEY = 'log.vkey'

export interface BundleManifest extends LeafRange {
  origin: string
  size: number
  root: Uint8Array
  /** SHA-256 of every file but the manifest's own. */
  files: ReadonlyMap<string, Uint8Array>
}

/** The manifest's signed note. One signer: `checkBundle` accepts no bytes in it that the signature does not cover. */
export async function signManifest(manifest: BundleManifest, signer: NoteSigner): Promise<string> {
  return signNote(formatManifest(manifest), [signer], MANIFEST_BYTES_MAX)
}

export function parseManifest(text: string): BundleManifest {
  const [format, origin = '', size = '', root = '', range = '', ...lines] = text.slice(0, -1).split('\n')
  const [, from = '', to = ''] = /^([0-9]+) ([0-9]+)$/.exec(range) ?? []
  if (format !== FORMAT || origin === '' || lines.length > FILES_MAX) throw malformed(`not a manifest of the format ${FORMAT}`)
  const manifest: BundleManifest = {
    origin,
    size: readDecimal(size, 'BUNDLE_MALFORMED'),
    root: fromBase64(root, 'BUNDLE_MALFORMED', HASH_BYTES),
    from: readDecimal(from, 'BUNDLE_MALFORMED'),
    to: readDecimal(to, 'BUNDLE_MALFORMED'),
    files: new Map(lines.map(readLine)),
  }
  if (formatManifest(manifest) !== text) throw malformed('not the one spelling of this manifest')
  return manifest
}

/** `rotations/` before `checkpoint` needs them, proofs and the rest by name: files named by a number come in its order. */
export function numberedPaths(paths: Iterable<string>, folder: string): { path: string; number: number }[] {
  const numbered = [...paths].flatMap((path) => {
    const [, name, digits] = /^([a-z]+)\/(0|[1-9][0-9]{0,15})$/.exec(path) ?? []
    return name === folder ? [{ path, number: Number(digits) }] : []
  })
  return numbered.sort((left, right) => left.number - right.number)
}

/** Where the file lies that events name by `hash`, the SHA-256 of its bytes (hex). */
export function rulePath({ kind, hash }: { kind: string; hash: string }): string {
  return `rules/${kind}-${hash}.yaml`
}

/** The hash that a path of `rulePath` promises; null for any other path. */
export function promisedHash(path: string): string | null {
  return /^rules\/[a-z]+-([0-9a-f]{64})\.yaml$/.exec(path)?.[1] ?? null
}

function formatManifest({ origin, size, root, from, to, files }: BundleManifest): string {
  if (to < from || size < to || files.has(MANIFEST) || [...files.keys()].some((path) => !isBundlePath(path)))
    throw malformed('a wrong range or path')
  const sorted = [...files].sort(([left], [right]) => (left < right ? -1 : 1))
  return `${[FORMAT, origin, size, toBase64(root), `${from} ${to}`, ...sorted.map(([path, hash]) => `${toHex(hash)}  ${path}`)].join('\n')}\n`
}

/** Relative, printable ASCII, no step upwards: a path that every file system and archive spells alike. */
export function isBundlePath(path: string): boolean {
  return path.length <= PATH_LENGTH_MAX && /^[A-Za-z0-9_-][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/.test(path)
}

function readLine(line: string): [path: string, hash: Uint8Array] {
  const [, hex, path] = /^([0-9a-f]{64}) {2}(.+)$/.exec(line) ?? []
  if (hex === undefined || path === undefined) throw malformed('a line that names no file')
  return [path, fromHex(hex)]
}

function malformed(detail: string): LedgerError {
  return new LedgerError('BUNDLE_MALFORMED', detail)
}
