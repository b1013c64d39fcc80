import { amount, type Item, lineCents, sum } from '../amount.ts'

const ITEMS: readonly Item[] = [
  { text: 'Naafdynamo ND-28, verkeerd aantal spaakgaten', quantity: 24, unit: 'st', unitCents: 4150 },
  { text: 'Fietsketting K9 roestvrij, verkeerde lengte', quantity: 60, unit: 'st', unitCents: 1190 },
  { text: 'Koplamp Vuurvlieg 40 lux, niet geleverd', quantity: 15, unit: 'st', unitCents: 2275 },
  { text: 'Retourvracht, pallet 80 x 120', quantity: 1, unit: 'st', unitCents: 6800 },
]

/** A Dutch credit note as plain text in fixed columns; net, 21 % tax and gross add up. */
export function creditnota(): string {
  const { netCents, taxCents, grossCents } = sum(ITEMS, 21)
  const rows = ITEMS.map((item, index) =>
    [
      String(index + 1).padEnd(4),
      item.text.padEnd(50),
      `${item.quantity} ${item.unit}`.padStart(7),
      amount(item.unitCents, 'de').padStart(10),
      amount(lineCents(item), 'de').padStart(12),
    ].join(''),
  )
  return `WINDROOS FIETSONDERDELEN B.V.
Spakenburgerdijk 88, 8011 Zwolle
KvK-nummer: 99063070
Btw-nummer: NL009906307B01
E-mail: administratie@windroos.example

CREDITNOTA

Creditnotanummer: 2026-0031
Datum: 07-09-2026
Betreft factuur: 2026-1894 van 12-08-2026
Klantnummer: 30177
Retourmelding: RT-5520

Aan:
Rijwielhandel De Klaproos
T.a.v. mevrouw Fenna Wielsma
Molensteeg 19
9711 Groningen
Btw-nummer klant: NL009904193B01

Geachte mevrouw Wielsma,

Op 24 augustus 2026 ontvingen wij uw retourzending. Wij hebben de onderdelen gecontroleerd en
crediteren u de onderstaande bedragen.

Nr  Omschrijving                                       Aantal     Prijs      Bedrag
-----------------------------------------------------------------------------------
${rows.join('\n')}
-----------------------------------------------------------------------------------
Totaal exclusief btw: EUR ${amount(netCents, 'de')}
Btw 21 %: EUR ${amount(taxCents, 'de')}
Totaal inclusief btw: EUR ${amount(grossCents, 'de')}

Het bedrag wordt binnen 14 dagen overgemaakt op uw rekening NL97 KLPR 0417 0000 22. U mag het ook verrekenen
met een volgende factuur; laat ons dat dan vóór 14 september 2026 weten.

REDEN VAN DE CREDITERING
Regel 1: de naafdynamo's hebben 24 in plaats van 36 spaakgaten. De producent heeft de fout bevestigd.
Regel 2: er zijn kettingen van 108 schakels geleverd, besteld waren kettingen van 116 schakels.
Regel 3: deze koplampen stonden wel op de factuur maar zaten niet in de zending.
Regel 4: omdat de fout bij ons lag, vergoeden wij de kosten van de retourvracht.

NALEVERING
De juiste naafdynamo's en kettingen worden geleverd in week 39 van 2026. De koplampen zijn pas in november
weer op voorraad; u kunt de bestelling tot die tijd kosteloos annuleren.

RETOUREN IN HET ALGEMEEN
Onderdelen kunnen binnen 30 dagen na levering worden teruggestuurd, mits ongemonteerd en in de
originele verpakking. Meld een retour altijd eerst aan via retour@windroos.example; zonder
retournummer wordt een zending geweigerd.

Met vriendelijke groet,
Siebren Hoogkerk
Debiteurenadministratie
`
}
