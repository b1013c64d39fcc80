import type { Span } from '../../../shared/contracts/cost.ts'

const MICRO = 1_000_000
const CENT_DIGITS = 2

/** Millionths of a euro as euros, to the last of them. */
export function euros(microEur: number): string {
  return (microEur / MICRO).toFixed(6)
}

/** Both ends of a span, to the last millionth. */
export function euroSpan({ low, high }: Span): string {
  return low === high ? euros(high) : `${euros(low)}–${euros(high)}`
}

/** Both ends of a span in cents, each rounded up: an amount that is paid once a month. */
export function centSpan({ low, high }: Span): string {
  const [least, most] = [cents(low), cents(high)]
  return least === most ? most : `${least}–${most}`
}

function cents(microEur: number): string {
  const text = (Math.ceil(microEur / (MICRO / 100)) / 100).toFixed(CENT_DIGITS)
  return text.replace(/\B(?=(\d{3})+(?=\.))/g, ',')
}
