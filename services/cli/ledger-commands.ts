import type { Command } from 'commander'
import { parseTime } from './arguments.ts'
import { auditBundle } from './commands/audit-bundle.ts'
import { rotateLedgerKey, showCheckpoint, showLedgerKey } from './commands/ledger.ts'
import { verify } from './commands/verify.ts'
import type { Add, Run } from './policy-commands.ts'

export function addLedger(ledger: Command, add: Add, run: Run): void {
  add('checkpoint', 'the newest signed checkpoint of your log, to be kept elsewhere', ledger)
    .option('--out <file>', 'write it there instead of printing it')
    .action(({ json, out }) => run({ json }, (context) => showCheckpoint(context, out)))
  add('key', 'the key that the log is checked with, to be pinned', ledger).action((options) => run(options, showLedgerKey))
  add('rotate-key', 'exchange the key that signs the log; the old one is destroyed', ledger)
    .option('--yes', 'do it', false)
    .action(({ json, yes }) => run({ json }, (context) => rotateLedgerKey(context, yes)))
}

export function addBundles(add: Add, run: Run): void {
  add('audit-bundle', 'take the log away for an auditor: events, proofs, registers and policy in a folder')
    .requiredOption('--out <folder>', 'missing or empty; it appears whole or not at all')
    .option('--from <time>', 'events recorded from then on', parseTime)
    .option('--to <time>', 'events recorded before then', parseTime)
    .option('--known-checkpoint <file>', 'a checkpoint that the auditor kept: its proof comes along')
    .action(({ json, out, from, to, knownCheckpoint }) =>
      run({ json }, (context) => auditBundle(context, { out, from, to, knownCheckpoint })),
    )
  add('verify', 'check an audit bundle, without network, server or configuration')
    .argument('<bundle>', 'the folder')
    .requiredOption('--vkey <key>', 'the verifier key of the log, or a file with it, from another source than the bundle')
    .option('--known-checkpoint <file>', 'a checkpoint of the log that you kept: shows whether the log was rewritten since')
    .addHelpText('after', '\nExit codes: 0 whole, 1 tampered, 2 incomplete. Whatever keeps it from judging exits with 64 or more.')
    .action((folder: string, { json, vkey, knownCheckpoint }) =>
      run({ json, offline: true }, (context) => verify(context, folder, { vkey, knownCheckpoint })),
    )
}
