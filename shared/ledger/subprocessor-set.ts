import { type ProcessorRegister, subprocessorsOn } from '../policy/register.ts'
import { fromUtf8, toHex } from './bytes.ts'
import { canonicalBytes } from './canonical.ts'
import { NOBLE } from './primitives.ts'

/** As many as a register takes, each with a name of its longest and every character of it escaped. */
const SET_BYTES_MAX = 1_048_576

/**
 * `recipient.subprocessor_set_hash` of an event (shared/contracts/record.ts says what is hashed), from the register that its `recipient.register_hash` names.
 * `day` in ISO 8601. Throws `NOT_CANONICAL` for a name with a lone surrogate.
 */
export function subprocessorSetHash(register: ProcessorRegister, processor: string, day: string): string {
  const entry = register.processors.find(({ key }) => key === processor)
  const listed = entry ? subprocessorsOn(entry, day) : []
  const set = new Map(listed.map(({ country, entity }) => [textOf({ country, entity }), { country, entity }]))
  const ordered = [...set].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, member]) => member)
  return toHex(NOBLE.sha256(canonicalBytes(ordered, SET_BYTES_MAX)))
}

function textOf(member: object): string {
  return fromUtf8(canonicalBytes(member), 'NOT_CANONICAL')
}
