import type { Activities } from '../../../shared/policy/activities.ts'
import type { ProcessorRegister } from '../../../shared/policy/register.ts'

export interface RuleFiles {
  activities: Activities
  activitiesHash: string
  register: ProcessorRegister
  registerHash: string
  /** The files that `registerHash` and the hash of the policy are of. */
  registerBytes: Uint8Array
  policyBytes: Uint8Array
}

/** What an auditor reads beside the log: the declared register of Art. 30, the register of processors, and the policy in force. */
export function enclosuresOf(files: RuleFiles): () => Promise<Record<string, string | Uint8Array>> {
  return async () => ({
    'register.json': json({ ...files.activities, activities_hash: files.activitiesHash }),
    'processors.json': json({ ...files.register, register_hash: files.registerHash }),
    'processors.yaml': files.registerBytes,
    'policy.yaml': files.policyBytes,
  })
}

function json(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
