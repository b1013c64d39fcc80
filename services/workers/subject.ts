import { describeRetention } from '../../shared/database/events.ts'
import type { CallSubject } from '../../shared/inference/gateway.ts'
import type { StageRun } from './stage.ts'

/** The document as the policy sees it. */
export function subjectOf({ key, document }: StageRun): CallSubject {
  return {
    document_id: key.document_id,
    revision: key.revision,
    page: null,
    sensitivity: document.sensitivity,
    data_classes: document.data_classes,
    purpose: document.purpose,
    ...describeRetention(document),
  }
}
