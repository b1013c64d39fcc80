import type { ProcessorRegister } from '../../../shared/policy/register.ts'
import { type RegisterServices, registerJson } from '../register/report.ts'

export interface RuleFiles {
  register: ProcessorRegister
  registerHash: string
  /** The files as they were read at the start, by whose hashes events name them. */
  registerBytes: Uint8Array
  policyBytes: Uint8Array
  activitiesBytes: Uint8Array
}

/**
 * What an auditor reads beside the log: the register of Art. 30 as declared and as observed, as a controller and as a processor, and the files that say what
 * is declared, who may be called and what with.
 */
export function enclosuresOf(services: RegisterServices & RuleFiles) {
  return async (tenantId: string): Promise<Record<string, string | Uint8Array>> => ({
    'register.json': await registerJson(services, tenantId, 'controller'),
    'register-as-processor.json': await registerJson(services, tenantId, 'processor'),
    'activities.yaml': services.activitiesBytes,
    'processors.json': `${JSON.stringify({ ...services.register, register_hash: services.registerHash }, null, 2)}\n`,
    'processors.yaml': services.registerBytes,
    'policy.yaml': services.policyBytes,
  })
}
