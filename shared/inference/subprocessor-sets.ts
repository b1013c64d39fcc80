import { subprocessorSetHash } from '../ledger/subprocessor-set.ts'
import type { ProcessorRegister } from '../policy/register.ts'

/** Made once for a processor and a day, not for each call: within a day nothing that is dated turns, and a register is read at a start. */
export function subprocessorSets(register: ProcessorRegister): (processor: string, day: string) => string {
  const made = new Map<string, { day: string; hash: string }>()
  return (processor, day) => {
    const last = made.get(processor)
    if (last?.day === day) return last.hash
    const hash = subprocessorSetHash(register, processor, day)
    made.set(processor, { day, hash })
    return hash
  }
}
