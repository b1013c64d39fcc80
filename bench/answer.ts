/**
 * For the scripts that bench starts (`startScript`): each message is one piece of work, its answer goes back. What fails ends the process, and whoever
 * asked hears it. The process ends with the one that started it.
 */
export function answerMessages<Request, Answer>(work: (request: Request) => Promise<Answer>): void {
  process.on('message', (request) => void work(request as Request).then((answer) => process.send?.(answer)))
  process.on('disconnect', () => process.exit())
}
