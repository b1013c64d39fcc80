import { createHash } from 'node:crypto'
import type { Checkpoint } from '../../../shared/database/ledger-pushes.ts'
import { createOutbound } from '../../../shared/inference/outbound.ts'
import type { Config } from '../../../shared/runtime/config.ts'
import { keepInFolder } from './checkpoint-folder.ts'
import { postToWitness } from './checkpoint-url.ts'

const KEY_CHARACTERS = 16

/** A place outside that keeps checkpoints. */
export interface CheckpointTarget {
  kind: 'folder' | 'url'
  /** Another place has another key, so that it gets the newest checkpoint of every log, grown or not; nobody can read the address from it. */
  key: string
  /** Throws where the checkpoint is not known to be kept. */
  keep(checkpoint: Checkpoint, signal: AbortSignal): Promise<void>
}

export interface CheckpointTargets {
  targets: CheckpointTarget[]
  close(): Promise<void>
}

/**
 * The places that the configuration names. The way out to the witness is the same as to model providers, opened for its origin alone: a checkpoint holds an
 * id of the organisation, a number, a hash and a signature, no personal data, so no policy has to judge it.
 */
export function openCheckpointTargets(config: Config): CheckpointTargets {
  const { CHECKPOINT_DIR: folder, CHECKPOINT_URL: url, CHECKPOINT_TOKEN: token = null } = config
  const proxy = { http: config.HTTP_PROXY, https: config.HTTPS_PROXY, no: config.NO_PROXY }
  const targets: CheckpointTarget[] = []
  if (folder !== undefined)
    targets.push({ kind: 'folder', key: keyOf('folder', folder), keep: (checkpoint) => keepInFolder(folder, checkpoint) })
  if (url === undefined) return { targets, close: async () => undefined }
  const outbound = createOutbound({ allowedOrigins: [url], proxy })
  targets.push({
    kind: 'url',
    key: keyOf('url', url),
    keep: (checkpoint, signal) => postToWitness({ url, token, outbound }, checkpoint, signal),
  })
  return { targets, close: () => outbound.close() }
}

function keyOf(kind: CheckpointTarget['kind'], address: string): string {
  return `${kind}:${createHash('sha256').update(address).digest('hex').slice(0, KEY_CHARACTERS)}`
}
