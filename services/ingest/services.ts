import type { Listener } from '../../shared/database/listen.ts'
import type { RulesInForce } from '../../shared/policy/refusal.ts'
import type { UploadServices } from './upload.ts'

/** What the routes of this service receive from whoever composes it. */
export interface IngestServices extends UploadServices, RulesInForce {
  listener: Listener
}
