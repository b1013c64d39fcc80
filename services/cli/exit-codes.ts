/** Exit codes: 0 to 3 are ours, the others follow sysexits.h, and 128 + n is the shell's convention for signal n. */
export const EXIT = {
  ok: 0,
  unexpected: 1,
  tampered: 1,
  documentsFailed: 2,
  incomplete: 2,
  expectationFailed: 3,
  usage: 64,
  rejected: 65,
  missing: 66,
  unreachable: 69,
  software: 70,
  tryLater: 75,
  protocol: 76,
  notAllowed: 77,
  configuration: 78,
  interrupted: 130,
} as const

export type ExitCode = number

const MEANINGS = {
  ok: 'done',
  unexpected: 'something unexpected happened, or the demo did not go as it should',
  tampered: '`verify`: the bundle contradicts what was signed; `record` and `records`: an annex is not the one that an event committed to',
  documentsFailed: 'some documents failed; the others went through',
  incomplete: '`verify`: something that the check needs is not there',
  expectationFailed: 'an expectation of `policy test` does not hold, or `register --strict` found drift',
  usage: 'the command line is wrong',
  rejected: 'the server rejected the request',
  missing: 'the file or document is missing or cannot be read',
  unreachable: 'no server could be reached or started',
  software: '`verify`: the check could not be done',
  tryLater: 'not done yet: the server asks to try again later, or goes on by itself',
  protocol: 'the server answered something that is not the Greffier API',
  notAllowed: 'the API key is missing, wrong, or lacks the scope',
  configuration: 'an environment variable is wrong',
  interrupted: 'stopped by Ctrl-C (143: by SIGTERM, 129: by SIGHUP)',
} as const satisfies Record<keyof typeof EXIT, string>

/** The table for `--help`. */
export function exitCodeHelp(): string {
  const names = Object.keys(EXIT) as Array<keyof typeof EXIT>
  return ['Exit codes:', ...names.map((name) => `  ${String(EXIT[name]).padEnd(5)}${MEANINGS[name]}`)].join('\n')
}

/** What an HTTP status of a refused request means for a script. */
export function exitCodeOfStatus(status: number): ExitCode {
  if (status === 401 || status === 403) return EXIT.notAllowed
  if (status === 404 || status === 410) return EXIT.missing
  if (status === 429) return EXIT.tryLater
  if (status === 503) return EXIT.unreachable
  return status >= 400 && status < 500 ? EXIT.rejected : EXIT.unexpected
}
