/** Money is counted in cents, so that every column adds up; written by hand and not by Intl, whose output changes with its data. */
const MARKS = {
  de: { thousand: '.', decimal: ',' },
  fr: { thousand: ' ', decimal: ',' },
  en: { thousand: ',', decimal: '.' },
} as const

/** `1234550` → `12.345,50` (de), `12 345,50` (fr), `12,345.50` (en). */
export function amount(cents: number, manner: keyof typeof MARKS): string {
  const { thousand, decimal } = MARKS[manner]
  const digits = String(Math.abs(cents)).padStart(3, '0')
  const whole = digits.slice(0, -2).replace(/\B(?=(\d{3})+$)/g, thousand)
  return `${cents < 0 ? '-' : ''}${whole}${decimal}${digits.slice(-2)}`
}

export interface Item {
  text: string
  quantity: number
  unit: string
  unitCents: number
}

export function lineCents(item: Item): number {
  return Math.round(item.quantity * item.unitCents)
}

/** Net, tax and gross in cents; the tax is rounded once, on the sum. */
export function sum(items: readonly Item[], taxPercent: number): { netCents: number; taxCents: number; grossCents: number } {
  const netCents = items.reduce((total, item) => total + lineCents(item), 0)
  const taxCents = Math.round((netCents * taxPercent) / 100)
  return { netCents, taxCents, grossCents: netCents + taxCents }
}
