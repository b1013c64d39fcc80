// Checks an audit bundle (`bundle.ts`) against a key that its reader trusts: the core of `greffier verify`. It reads through `BundleSource` only, so it
// runs wherever the files are; the events and their hashes pass through once and are not kept.

import {
  type BundleManifest,
  CHECKPOINT,
  EVENTS,
  LEAVES,
  LOG_VKEY,
  MANIFEST,
  MANIFEST_BYTES_MAX,
  numberedPaths,
  parseManifest,
  promisedHash,
  RANGE_PROOF,
} from './bundle.ts'
import { type BundleContext, openOwn } from './bundle-context.ts'
import { BundleFiles, type BundleSource } from './bundle-files.ts'
import { type BundleTree, checkTree } from './bundle-tree.ts'
import { sameBytes, toBase64, toHex } from './bytes.ts'
import type { Checkpoint } from './checkpoint.ts'
import { type KeyChain, verifiersAt, verifyKeyChain } from './key-rotation.ts'
import { LedgerError } from './ledger-error.ts'
import { NOTE_BYTES_MAX, openNote, parseNote } from './note.ts'
import { verifierOf } from './note-keys.ts'
import { NOBLE, type Primitives } from './primitives.ts'
import { createTreeHash } from './tree-hash.ts'
import { type BundleStatus, Findings, type Problem } from './verdict.ts'

const REQUIRED = [MANIFEST, CHECKPOINT, EVENTS, LEAVES, RANGE_PROOF, LOG_VKEY]

/**
 * What the reader trusts, from another source than the bundle. `origin` defaults to the key's name, which the log's origin should be (tlog-checkpoint,
 * "Signatures"). `knownCheckpoint` is an earlier checkpoint's note that the reader kept: a log that was rewritten since cannot be consistent with it.
 */
export interface BundlePins {
  vkey: string
  origin?: string
  knownCheckpoint?: string
}

/** The bundle speaks of the leaves [from, to) of the log's tree of `size` leaves; all null where nothing that is signed says so. */
export interface BundleVerdict {
  status: BundleStatus
  origin: string
  size: number | null
  root: string | null
  from: number | null
  to: number | null
  /** Lines that were read. */
  events: number
  problems: Problem[]
  more: number
}

/** Throws `KEY_MALFORMED` for a pinned key that is none, and what the source throws; everything else is in the verdict. */
export async function checkBundle(source: BundleSource, pins: BundlePins, primitives: Primitives = NOBLE): Promise<BundleVerdict> {
  const findings = new Findings()
  const files = await BundleFiles.open(source, primitives)
  const origin = pins.origin ?? verifierOf(pins.vkey).name
  for (const path of REQUIRED) if (!files.paths.has(path)) findings.add('FILE_MISSING', path, 'the bundle does not hold this file')
  for (const path of files.repeated) findings.add('FILE_ADDED', path, 'the bundle holds more than one file of this name')

  const chain = await readKeys(files, findings, pins.vkey, origin, primitives)
  const tree = createTreeHash(primitives.sha256)
  const hashLeaves = primitives.hashLeaves ?? (async (lines) => lines.map(tree.leaf))
  const context: BundleContext = { files, findings, origin, chain, tree, hashLeaves }
  const manifest = await readManifest(context)
  const checkpoint = await readCheckpoint(context)
  if (
    manifest !== undefined &&
    checkpoint !== undefined &&
    !(manifest.size === checkpoint.size && sameBytes(manifest.root, checkpoint.root))
  )
    findings.add('ROOT_WRONG', CHECKPOINT, 'not the checkpoint for which the manifest was signed')

  const head = manifest ?? checkpoint
  const checked: BundleTree | undefined = head && (await checkTree(context, { head, manifest, knownCheckpoint: pins.knownCheckpoint }))
  if (manifest !== undefined) await checkFiles(context, manifest, checked?.eventsProven === true ? [EVENTS] : [])
  return {
    status: findings.status,
    origin,
    size: head?.size ?? null,
    root: head === undefined ? null : toBase64(head.root),
    from: checked?.from ?? null,
    to: checked?.to ?? null,
    events: checked?.events ?? 0,
    problems: findings.problems,
    more: findings.more,
  }
}

async function readKeys(files: BundleFiles, findings: Findings, vkey: string, origin: string, primitives: Primitives): Promise<KeyChain> {
  const notes: string[] = []
  for (const { path } of numberedPaths(files.paths, 'rotations')) {
    const note = await findings.attempt(path, () => files.text(path, NOTE_BYTES_MAX))
    if (note !== undefined) notes.push(note)
  }
  const chain = await findings.attempt('rotations', () => verifyKeyChain(vkey, notes, origin, primitives.verifyEd25519))
  const trusted = chain ?? verifyKeyChain(vkey, [], origin, primitives.verifyEd25519)
  const named = files.paths.has(LOG_VKEY) ? await findings.attempt(LOG_VKEY, () => files.text(LOG_VKEY, NOTE_BYTES_MAX)) : undefined
  if (named !== undefined && !trusted.keys.some((key) => named === `${key.vkey}\n`))
    findings.add('FILE_CHANGED', LOG_VKEY, 'names another key than the pinned one and those that follow from it')
  return trusted
}

function readManifest({ files, findings, origin, chain }: BundleContext): Promise<BundleManifest | undefined> {
  return findings.attempt(MANIFEST, async () => {
    if (!files.paths.has(MANIFEST)) return undefined
    const note = await files.text(MANIFEST, MANIFEST_BYTES_MAX)
    const { text, signatures } = parseNote(note, MANIFEST_BYTES_MAX)
    const manifest = parseManifest(text)
    // A signature that no key here checks would be bytes that anybody may change.
    if (signatures.length !== 1) throw new LedgerError('BUNDLE_MALFORMED', `${signatures.length} signatures instead of one`)
    openNote(note, verifiersAt(chain, manifest.size), MANIFEST_BYTES_MAX)
    if (manifest.origin !== origin) throw new LedgerError('ORIGIN_WRONG', `a bundle of the log ${manifest.origin} instead of ${origin}`)
    return manifest
  })
}

function readCheckpoint(context: BundleContext): Promise<Checkpoint | undefined> {
  return context.findings.attempt(CHECKPOINT, async () => {
    if (!context.files.paths.has(CHECKPOINT)) return undefined
    return openOwn(context, await context.files.text(CHECKPOINT, NOTE_BYTES_MAX))
  })
}

async function checkFiles({ files, findings }: BundleContext, manifest: BundleManifest, proven: readonly string[]): Promise<void> {
  for (const [path, hash] of manifest.files) {
    // Whoever signs could put other bytes under the name that an event gives.
    if (![null, toHex(hash)].includes(promisedHash(path))) findings.add('FILE_CHANGED', path, 'not the bytes whose SHA-256 is its name')
    if (!files.paths.has(path)) {
      if (!REQUIRED.includes(path)) findings.add('FILE_MISSING', path, 'the manifest names this file, and the bundle does not hold it')
    } else if (!proven.includes(path) && !sameBytes(await files.digest(path), hash))
      findings.add('FILE_CHANGED', path, 'not the bytes that were signed')
  }
  for (const path of files.paths) {
    if (path !== MANIFEST && !manifest.files.has(path)) findings.add('FILE_ADDED', path, 'the manifest does not name this file')
  }
}
