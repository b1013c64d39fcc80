import type { Listener } from '../../shared/database/listen.ts'
import type { Tombstones } from '../../shared/database/tombstones.ts'
import type { Rules } from '../../shared/policy/explain.ts'
import type { UploadServices } from './upload.ts'

/** What the routes of this service receive from whoever composes it. */
export interface IngestServices extends UploadServices {
  rules: Rules
  /** SHA-256 (hex) of the policy's file. */
  policyHash: string
  listener: Listener
  tombstones: Tombstones
}
