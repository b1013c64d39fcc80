import type { Command } from 'commander'
import { rotateLedgerKey, showCheckpoint, showLedgerKey } from './commands/ledger.ts'
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
