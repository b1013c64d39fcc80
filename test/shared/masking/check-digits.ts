/** Made-up numbers whose checks hold, for texts that are generated. */

/** ISO 7064, mod 97-10, over a German account. */
export function germanIban(account: number): string {
  const bban = `37040044${String(account).padStart(10, '0')}`
  const check = 98n - (BigInt(`${bban}131400`) % 97n)
  return `DE${String(check).padStart(2, '0')}${bban}`
}

/** ISO 7064, mod 11, 10. */
export function germanVatId(number: number): string {
  const digits = String(10_000_000 + (number % 89_999_999))
  let product = 10
  for (const digit of digits) {
    const sum = (Number(digit) + product) % 10
    product = ((sum === 0 ? 10 : sum) * 2) % 11
  }
  return `DE${digits}${(11 - product) % 10}`
}

/** A woman of forty years or so: PESEL. */
export function pesel(serial: number): string {
  const digits = `850314${String(serial % 10_000).padStart(4, '0')}`
  const sum = [...digits].reduce((total, digit, index) => total + Number(digit) * ([1, 3, 7, 9][index % 4] ?? 0), 0)
  return `${digits}${(10 - (sum % 10)) % 10}`
}

/** Luhn. */
export function visaCard(serial: number): string {
  const digits = `411111${String(serial).padStart(9, '0').slice(0, 9)}`
  const sum = [...digits].reduce((total, digit, index) => {
    const doubled = index % 2 === 0 ? Number(digit) * 2 : Number(digit)
    return total + (doubled > 9 ? doubled - 9 : doubled)
  }, 0)
  return `${digits}${(10 - (sum % 10)) % 10}`
}

export function grouped(number: string, length = 4): string {
  return number.match(new RegExp(`.{1,${length}}`, 'g'))?.join(' ') ?? number
}
