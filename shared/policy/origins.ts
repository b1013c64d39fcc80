import { type CallTarget, type Declarations, IN_PROCESS, recipientOf } from './recipient.ts'
import type { ProcessorRegister } from './register.ts'

/**
 * The origins that this installation may connect to for its providers: those of the register, and of the configured servers (`targets`) those that the
 * operator has declared. A provider at any other address can't be called, whatever a policy allows and whoever asks.
 */
export function allowedOrigins(register: ProcessorRegister, declarations: Declarations, targets: readonly CallTarget[]): string[] {
  const registered = register.processors.flatMap(({ endpoints }) => endpoints.map(({ base_url }) => new URL(base_url).origin))
  const known = targets.filter((target) => recipientOf(register, target, declarations).endpoint !== null).map(({ endpoint }) => endpoint)
  return [...new Set([...registered, ...known])].filter((origin) => origin !== IN_PROCESS)
}
