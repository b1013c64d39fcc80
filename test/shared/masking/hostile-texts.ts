/** Texts of a length that make a careless expression or loop go back over what it has read. */
export function hostileTexts(length: number): Record<string, string> {
  const repeated = (part: string) => part.repeat(Math.ceil(length / part.length)).slice(0, length)
  const counted = (print: (index: number) => string) => {
    const parts: string[] = []
    for (let index = 0, written = 0; written < length; index += 1) written += parts.push(print(index)) && print(index).length
    return parts.join('')
  }
  return {
    digits: repeated('1'),
    'single digits': repeated('1 '),
    'digits and dots': repeated('1.'),
    'digits and slashes': repeated('12/3'),
    'digits and brackets': repeated('(0) 1 '),
    'brackets and plus signs': repeated('(+'),
    'plus signs before digits': repeated('+49 '),
    colons: repeated(':'),
    'hexadecimal and colons': repeated('ab1:'),
    hexadecimal: repeated('abcdef01'),
    'at signs': repeated('@'),
    'letters and at signs': repeated('a@'),
    'one endless local part': `${repeated('a.')}@`,
    'domains without end': repeated('@a-b.'),
    letters: repeated('a'),
    capitals: repeated('A'),
    'capital words and numbers': repeated('Ab Cd Ef Gh 1 '),
    'numbers and capital words': repeated('1 Ab Cd Ef Gh '),
    'beginnings of IBANs': repeated('DE89 '),
    'IBANs one character short': repeated('DE89 3704 0044 0532 0130 0 '),
    'beginnings of VAT ids': repeated('FR 40 3'),
    'words of birth': repeated('geb. '),
    'words of birth and half dates': repeated('geb. 12.03.'),
    'words of streets': repeated('rue de la '),
    'streets without end': repeated('12 rue de la Rue '),
    'postal codes without end': repeated('10115 Berlin am Berlin '),
    'labels without end': repeated('Steuer Nr. '),
    'labels and digits': repeated('Tel. Nr. 12345 '),
    'brackets of placeholders': repeated('['),
    'beginnings of placeholders': repeated('[IBAN_1'),
    placeholders: repeated('[IBAN_1]'),
    backslashes: repeated('\\['),
    blanks: repeated(' '),
    'line ends': repeated('\n'),
    accents: repeated('e\u0301'),
    'surrogates without their half': repeated('\ud83d'),
    'mail addresses, all different': counted((index) => `a${index}@b.eu `),
    'one value in ever other case': counted(
      (index) => `${[...'abcdefghijklmnop'].map((letter, bit) => ((index >> bit) & 1 ? letter.toUpperCase() : letter)).join('')}@b.eu `,
    ),
    'names that begin alike': counted((index) => `Anna ${'B'.repeat(1 + (index % 150))} `),
    'telephone numbers': counted((index) => `+49 30 ${2_312_500 + index} `),
  }
}
