import { type Advice, type AdviceCase, advise, type Way } from '../../../shared/policy/advise.ts'
import type { Rules } from '../../../shared/policy/explain.ts'
import type { PriceList } from '../../../shared/policy/prices.ts'
import { CliError } from '../cli-error.ts'
import type { CommandContext } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Output } from '../output.ts'
import { centSpan } from '../print/money.ts'
import { printTable } from '../print/table.ts'
import { clean, shorten, unmetText } from '../print/text.ts'

/** Of one way, cheapest first; --json has them all. */
const PRICES_SHOWN_MAX = 3
/** The whole reason stands in `greffier processors show`, and in --json. */
const EXPOSED_CHARACTERS_MAX = 400

/** `greffier advise`: an API in the EU, servers of one's own and US providers, side by side. Needs no server and calls nobody. */
export function adviseCase({ output }: CommandContext, rules: Rules, prices: PriceList, given: AdviceCase): ExitCode {
  const servers = prices.server_hours.map(({ server }) => server)
  if (given.server !== null && !servers.includes(given.server))
    throw new CliError(
      'SERVER_NOT_FOUND',
      `the price list holds no ${clean(given.server)}; it has ${servers.join(', ') || 'none'}`,
      EXIT.usage,
    )
  const advice = advise(rules, prices, given)
  output.value({ notice: prices.notice, ...advice })
  const rows = advice.ways.map((way) => [way.title, way.allowed ? 'allowed' : 'refused', euroText(way), way.rule ?? 'no rule'])
  printTable(output, ['way', 'policy', 'euros a month', 'rule'], rows, ['left', 'left', 'right'])
  for (const way of advice.ways) printWay(output, way)
  printEnd(output, advice, prices.notice)
  return EXIT.ok
}

function euroText({ prices: [cheapest] }: Way): string {
  return cheapest ? `from ${centSpan(cheapest.micro_eur_per_month)}` : 'no price'
}

function printWay(output: Output, { title, allowed, rule, failed, prices, reckoned, exposed, when }: Way): void {
  output.line(`\n${output.paint('bold', title)}`)
  output.line(allowed ? `  allowed by ${rule}` : `  ${output.paint('red', 'refused')} by ${rule ?? 'no rule'}: ${unmetText(failed)}`)
  for (const { what, micro_eur_per_month, confidence, read_on } of prices.slice(0, PRICES_SHOWN_MAX))
    output.line(`  ${centSpan(micro_eur_per_month)} euros a month  ${clean(what)} (${confidence}, ${read_on})`)
  if (prices.length > PRICES_SHOWN_MAX) output.line(output.paint('dim', `  ${prices.length - PRICES_SHOWN_MAX} dearer ones: --json`))
  for (const text of reckoned) output.line(output.paint('dim', `  ${clean(text)}`))
  output.line('  What remains exposed:')
  for (const text of exposed) output.line(`  - ${shorten(clean(text), EXPOSED_CHARACTERS_MAX)}`)
  output.line(`  ${when}`)
}

function printEnd(output: Output, { cheapest_allowed, policy, assumptions }: Advice, notice: string): void {
  output.line()
  output.line(
    cheapest_allowed === null
      ? 'The policy allows none of these that has a price.'
      : `The cheapest that the policy allows: ${output.paint('bold', cheapest_allowed)}.`,
  )
  for (const text of [`policy ${policy.name}, version ${policy.version}`, ...assumptions, notice])
    output.line(output.paint('dim', `· ${clean(text)}`))
}
