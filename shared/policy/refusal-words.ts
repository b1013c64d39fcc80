/** What the policy and the register call their values, in words. */
const CLAIMS: Readonly<Record<string, string>> = {
  in_process: 'part of this installation (in_process)',
  self_hosted: 'run on servers of the organisation itself (self_hosted)',
  hosted: 'run by somebody else (hosted)',
  direct: 'direct',
  via_subprocessor: 'through a subprocessor (via_subprocessor)',
  none: 'none',
  never: 'never',
  unless_opted_out: 'unless the customer objects (unless_opted_out)',
  always: 'always',
  unknown: 'unknown',
}

export function claimOf(value: string): string {
  return CLAIMS[value] ?? value
}

/** `a, b or c`. */
export function listed(parts: readonly string[], last: 'and' | 'or'): string {
  const before = parts.slice(0, -1)
  return before.length === 0 ? (parts[0] ?? '') : `${before.join(', ')} ${last} ${parts.at(-1)}`
}

export function placesOf(places: readonly string[]): string {
  return listed(
    places.map((place) => (place === 'EEA' ? 'the EEA' : place)),
    'or',
  )
}

interface Unmet {
  requirement: string
  found: string
}

type Wording = readonly [requirement: RegExp, say: (found: string, ...groups: string[]) => string]

const unknownOr = (found: string, known: string) => (found === 'unknown' ? 'it is not known' : known)
const wordsOf = (list: string) =>
  listed(
    list.split(', ').map((value) => (value === 'EEA' ? 'the EEA' : claimOf(value))),
    'or',
  )

/** How evaluate.ts writes requirements; records keep that for ever, so a form that was ever written stays here. */
const WORDINGS: readonly Wording[] = [
  [/^processor in the register$/, () => 'the register of processors does not hold it'],
  [/^endpoint in the register$/, () => 'the register holds no endpoint at the address and in the region that it is configured with'],
  [/^data class of the document$/, () => 'nobody has said which class of data this is'],
  [/^subjects$/, () => 'nobody has said whose data this is'],
  [/^a rule for (\w+) data$/, (_found, dataClass) => `no rule of the policy speaks of ${dataClass} data for this purpose and task`],
  [/^deployment in (.+)$/, (found, wanted) => `it must be ${wordsOf(wanted)}, but it is ${claimOf(found)}`],
  [
    /^country of the contracting entity in (.+)$/,
    (found, wanted) => `the contracting company must be in ${wordsOf(wanted)}, but ${unknownOr(found, `it is in ${found}`)}`,
  ],
  [
    /^country of the (parent|subprocessor) (.+) in ([A-Z, ]+)$/,
    (found, role, company, wanted) =>
      `the ${role === 'parent' ? 'owner' : 'subprocessor'} ${company} must be in ${wordsOf(wanted)}, but ${unknownOr(found, `it is in ${found}`)}`,
  ],
  [/^list of subprocessors read$/, () => 'its list of subprocessors must have been read, and nobody has read it'],
  [
    /^reach of foreign law in (.+)$/,
    (found, wanted) => `the reach of foreign law must be ${wordsOf(wanted)}, but ${unknownOr(found, `it is ${claimOf(found)}`)}`,
  ],
  [
    /^region in (.+)$/,
    (found, wanted) => `it must take the call in the region ${wordsOf(wanted)}, but ${unknownOr(found, `it does in ${found}`)}`,
  ],
  [
    /^retention of at most (\d+) days$/,
    (found, days) => `it may keep the data for at most ${days} days, but ${unknownOr(found, `it keeps it for ${found}`)}`,
  ],
  [
    /^use for training in (.+)$/,
    (found, wanted) => `its use of the data for training must be ${wordsOf(wanted)}, but ${unknownOr(found, `it is ${claimOf(found)}`)}`,
  ],
  [
    /^evidence of (.+) at most (\d+) days old$/,
    (found, fact, days) => `what is known of ${fact} must be at most ${days} days old, but it was ${found}`,
  ],
]

/** One requirement that a processor does not meet, as a part of a sentence. */
export function unmetSentence({ requirement, found }: Unmet): string {
  for (const [form, say] of WORDINGS) {
    const match = form.exec(requirement)
    if (match) return say(found, ...match.slice(1))
  }
  return `${requirement} is required, but found was: ${found}`
}
