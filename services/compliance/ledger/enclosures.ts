import type { ProcessorRegister } from '../../../shared/policy/register.ts'
import { type RegisterServices, registerJson } from '../register/report.ts'

export interface RuleFiles {
  register: ProcessorRegister
  registerHash: string
  /** The files that `registerHash` and the hash of the policy are of. */
  registerBytes: Uint8Array
  policyBytes: Uint8Array
}

/** What an auditor reads beside the log: the register of Art. 30 as declared and as observed, the register of processors, and the policy in force. */
export function enclosuresOf(services: RegisterServices & RuleFiles) {
  return async (tenantId: string): Promise<Record<string, string | Uint8Array>> => ({
    'register.json': await registerJson(services, tenantId),
    'processors.json': `${JSON.stringify({ ...services.register, register_hash: services.registerHash }, null, 2)}\n`,
    'processors.yaml': services.registerBytes,
    'policy.yaml': services.policyBytes,
  })
}
