import { type Command, Option } from 'commander'
import { z } from 'zod'
import { CostGrouping } from '../../shared/contracts/cost.ts'
import { DataClass, Purpose, Sensitivity } from '../../shared/contracts/document.ts'
import { Uuid } from '../../shared/contracts/ids.ts'
import { NO_TENANT } from '../../shared/policy/expectations.ts'
import { PolicyTask } from '../../shared/policy/policy.ts'
import { parseList, parseTime, parseWith } from './arguments.ts'
import { adviseCase } from './commands/advise.ts'
import { cost, estimateCost } from './commands/cost.ts'
import { exposure } from './commands/exposure.ts'
import { explainPolicy, replayPolicy, testPolicy } from './commands/policy.ts'
import { checkProcessors, listProcessors, printMatrix, showProcessor } from './commands/processors.ts'
import type { CommandContext } from './context.ts'
import type { ExitCode } from './exit-codes.ts'

/** A year: contracts and lists of subprocessors change about that often. */
const EVIDENCE_DAYS = 365
const DOCUMENTS_PER_MONTH_MAX = 100_000_000
const PAGES_MAX = 10_000

/** `offline`: for a command that asks no server, so that nothing in the environment can keep it from its work. */
export type Run = (options: { json?: boolean; offline?: boolean }, command: (context: CommandContext) => Promise<ExitCode>) => Promise<void>
export type Add = (name: string, description: string, parent?: Command) => Command

const purpose = parseWith(Purpose, 'not a purpose')

export function addProcessors(processors: Command, add: Add, run: Run): void {
  const days = parseWith(z.coerce.number().int().min(0), 'not a number of days')
  const register = async () => (await configured()).rules.register
  add('list', 'list the processors of the register', processors).action((options) =>
    run(options, async (context) => listProcessors(context, await register(), today())),
  )
  add('show', 'show every fact of one, with its source, its day and its confidence', processors)
    .argument('<key>', 'such as mistral')
    .action((key: string, options) => run(options, async (context) => showProcessor(context, await register(), key, today())))
  add('matrix', 'print the register as one table', processors)
    .option('--markdown', 'as Markdown', false)
    .action((options) => run(options, async (context) => printMatrix(context, await register(), options.markdown, today())))
  add('check', 'list the claims that are unverified or old', processors)
    .option('--days <days>', 'how old evidence may be', days, EVIDENCE_DAYS)
    .action((options) => run(options, async (context) => checkProcessors(context, await register(), options.days, today())))
}

export function addPolicy(policy: Command, add: Add, run: Run): void {
  withData(add('explain', 'what the policy says of every processor for one kind of data', policy))
    .addOption(new Option('--task <task>').choices(PolicyTask.options).default('extract'))
    .option('--tenant <id>', 'for rules that name tenants', parseWith(z.uuid(), 'not an id'), NO_TENANT)
    .action(({ json, sensitivity = 'internal', data = ['personal'], purpose: of = 'document_processing', task, tenant }) =>
      run({ json }, async (context) => {
        const request = { data_classes: data, sensitivity, purpose: of, task, tenant_id: tenant, day: today() }
        return explainPolicy(context, (await configured()).rules, request)
      }),
    )
  add('test', 'run your own expectations of the policy', policy)
    .argument('<cases>', 'a YAML file')
    .action((path: string, options) =>
      run(options, async (context) => {
        const { rules, loadPolicyCases } = await configured()
        return testPolicy(context, rules, loadPolicyCases(path), today())
      }),
    )
  add('replay', 'which past calls another policy would have refused or allowed', policy)
    .requiredOption('--policy <file>', 'the other policy, a YAML file')
    .option('--from <time>', 'calls from then on', parseTime)
    .option('--to <time>', 'calls before then', parseTime)
    .option('--as-of-call', 'judge each call on its own day instead of today', false)
    .action(({ json, policy: path, from, to, asOfCall }) =>
      run({ json }, async (context) => {
        const { parsePolicy, readPolicyText } = await import('../../shared/runtime/policy-files.ts')
        const text = readPolicyText(path)
        parsePolicy(path, text)
        return replayPolicy(context, { policy: text, from, to, as_of_call: asOfCall })
      }),
    )
}

export function addCosts(add: Add, run: Run): void {
  const costs = add('cost', 'what model calls cost')
    .enablePositionalOptions()
    .option('--from <time>', 'from then on', parseTime)
    .option('--to <time>', 'before then', parseTime)
    .option('--document <id>', 'only calls that contained this one', parseWith(Uuid, 'not an id'))
    .addOption(new Option('--by <what>', 'cut the sum by this').choices(CostGrouping.options))
    .action(({ json, from, to, document, by }) => run({ json }, (context) => cost(context, { from, to, document_id: document, by })))
  withData(add('estimate <files...>', 'what files would probably cost, before they are uploaded', costs)).action(
    (files: string[], { json, sensitivity, data, purpose: of }) =>
      run({ json }, (context) => estimateCost(context, files, { sensitivity, data_classes: data, purpose: of })),
  )
}

export function addExposure(add: Add, run: Run): void {
  add('exposure', 'what a processor, or a company behind one, held in an interval (GDPR Art. 33)')
    .requiredOption('--processor <name>', 'a key of the register, or a subprocessor')
    .requiredOption('--from <time>', 'the interval’s begin', parseTime)
    .requiredOption('--to <time>', 'the interval’s end', parseTime)
    .option('--csv', 'every document as a line of CSV', false)
    .option('--draft <file>', 'write a draft of the notification, Markdown')
    .option('--aware-at <time>', 'when the controller became aware', parseTime)
    .action(({ json, processor, from, to, csv, draft, awareAt }) =>
      run({ json }, (context) => exposure(context, { processor, from, to }, { csv, draft, awareAt })),
    )
}

export function addAdvise(add: Add, run: Run): void {
  const count = (max: number) => parseWith(z.coerce.number().int().min(1).max(max), `not a number from 1 to ${max}`)
  withData(add('advise', 'compare an API in the EU, servers of your own and a US provider for your case'))
    .requiredOption('--documents-per-month <number>', 'how many documents are read a month', count(DOCUMENTS_PER_MONTH_MAX))
    .option('--pages <number>', 'pages of a document', count(PAGES_MAX), 4)
    .addOption(new Option('--task <task>', 'classify and extract, unless one is named').choices(PolicyTask.options))
    .option('--server <name>', 'a server of the price list')
    .option('--tenant <id>', 'for rules that name tenants', parseWith(z.uuid(), 'not an id'), NO_TENANT)
    .action(({ json, sensitivity = 'internal', data = ['personal'], purpose: of = 'document_processing', documentsPerMonth, ...rest }) =>
      run({ json }, async (context) => {
        const { rules, prices } = await configured()
        const { pages, task = null, server = null, tenant } = rest
        return adviseCase(context, rules, prices, {
          data_classes: data,
          sensitivity,
          purpose: of,
          tenant_id: tenant,
          day: today(),
          documents_per_month: documentsPerMonth,
          pages,
          task,
          server,
        })
      }),
    )
}

/** What kind of data a command is asked about. */
function withData(command: Command): Command {
  return command
    .addOption(new Option('--sensitivity <level>').choices(Sensitivity.options))
    .option('--data <list>', `comma separated: ${DataClass.options.join(', ')}`, parseList(z.array(DataClass).min(1), 'not data classes'))
    .option('--purpose <purpose>', 'such as invoice_processing', purpose)
}

function today(): string {
  return new Date().toISOString().slice(0, 10)
}

/** What decides about calls, as the environment configures it. Loaded where it is needed: the providers' client is heavy. */
async function configured() {
  const [{ loadExplainableRules }, { readConfig }, { loadPolicyCases, loadPrices }] = await Promise.all([
    import('../../shared/runtime/rules.ts'),
    import('../../shared/runtime/config.ts'),
    import('../../shared/runtime/policy-files.ts'),
  ])
  const config = readConfig()
  return { rules: loadExplainableRules(config), prices: loadPrices(config.PRICES_FILE), loadPolicyCases }
}
