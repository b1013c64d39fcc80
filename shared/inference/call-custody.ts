import type { ProcessingEvent } from '../contracts/record.ts'
import { EEA } from '../policy/policy.ts'
import type { Recipient } from '../policy/recipient.ts'

const DAY_MS = 86_400_000

type Custody = Pick<ProcessingEvent, 'transfer' | 'provider_retention'>

/** Nothing was handed to anybody. */
export const NO_CUSTODY: Custody = { transfer: null, provider_retention: null }

/**
 * Where what is sent may go outside the EEA (Art. 44 to 49) and how long it is kept there (Art. 28(3)(g)), as the register knows it at the time of
 * the call. Several recipients are addresses of one processor, and any of them may take the call: the widest and the longest count. What nobody has
 * read is `unknown`, never null.
 */
export function custodyOf(recipients: readonly Recipient[], time: Date): Custody {
  const handed = recipients.filter(({ processor }) => processor?.deployment !== 'in_process')
  return handed.length === 0 ? NO_CUSTODY : { transfer: transferOf(handed), provider_retention: retentionOf(handed, time) }
}

function transferOf(recipients: readonly Recipient[]): Custody['transfer'] {
  const places = recipients.flatMap(({ processor, endpoint }) => [
    // An endpoint that commits to no country may be anywhere.
    ...(endpoint && endpoint.countries.length > 0 ? endpoint.countries : ['unknown']),
    processor?.legal_entity.country ?? 'unknown',
  ])
  const outside = [...new Set(places)].filter((place) => place !== 'EEA' && !EEA.includes(place)).sort()
  if (outside.length === 0) return null
  const processor = recipients[0]?.processor
  return {
    country: outside.join(' '),
    importer: processor?.legal_entity.entity ?? 'unknown',
    mechanism: processor?.transfer.mechanism ?? 'unknown',
  }
}

function retentionOf(recipients: readonly Recipient[], time: Date): Custody['provider_retention'] {
  const days = recipients.map(({ processor }) => processor?.retention.days ?? null)
  const known = days.filter((count) => count !== null)
  if (known.length < days.length) return { mode: 'unknown', until: null }
  const longest = Math.max(...known)
  if (longest === 0) return { mode: 'none', until: null }
  return { mode: 'days', until: new Date(time.getTime() + longest * DAY_MS).toISOString() }
}
