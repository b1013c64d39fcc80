import { Option } from 'commander'
import { z } from 'zod'
import { RegisterFormat } from '../../shared/policy/register-report.ts'
import { parseWith } from './arguments.ts'
import { checkActivities, register } from './commands/register.ts'
import type { Add, Run } from './policy-commands.ts'

export function addRegister(add: Add, run: Run): void {
  const day = parseWith(z.iso.date(), 'not a day such as 2026-11-01')
  const command = add('register', 'the register of processing activities: declared, observed, and where they differ (GDPR Art. 30)')
    .enablePositionalOptions()
    .option('--from <day>', 'observed from that day on', day)
    .option('--to <day>', 'observed to that day', day)
    .option('--processor', 'what is done on behalf of others (Art. 30(2))', false)
    .option('--drift', 'print the differences alone', false)
    .option('--strict', 'exit with 3 where there are differences', false)
    .addOption(new Option('--format <format>', 'print or write it in this form').choices(RegisterFormat.options))
    .option('--out <file>', 'write it to a file')
    .action(({ json, from, to, processor, ...choices }) =>
      run({ json }, (context) => register(context, { from, to, view: processor ? 'processor' : 'controller' }, choices)),
    )
  add('check', 'whether a file of activities can be used', command)
    .argument('<file>', 'a YAML file, as ACTIVITIES_FILE')
    .action((path: string, options) =>
      run(options, async (context) => {
        const { loadActivities } = await import('../../shared/runtime/policy-files.ts')
        const { activities, activitiesHash } = loadActivities(path)
        return checkActivities(context, activities, activitiesHash)
      }),
    )
}
