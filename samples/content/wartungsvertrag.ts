/** A German maintenance contract for lifts, in Markdown. */
export const WARTUNGSVERTRAG = `# Wartungsvertrag für Aufzugsanlagen

**Vertragsnummer:** WV-2025-0661
**Vertragsdatum:** 18.11.2025

zwischen

**Wohnungsgenossenschaft Lindenbogen eG**, Lindenbogen 2, 50667 Köln, vertreten durch den Vorstand Thekla Brandeis
(im Folgenden: Auftraggeberin)

und

**Kranich Aufzugsdienst GmbH**, Am Kranwerk 31, 51063 Köln, vertreten durch den Geschäftsführer Ansgar Kranich
(im Folgenden: Auftragnehmerin, USt-IdNr.: DE990731207)

## § 1 Gegenstand

(1) Die Auftragnehmerin wartet die in der Anlage 1 genannten Aufzugsanlagen und beseitigt Störungen.

(2) Nicht erfasst sind Umbauten, Schäden durch Vandalismus, Überschwemmung oder Blitzschlag sowie Prüfungen durch eine zugelassene Überwachungsstelle. Sie werden gesondert beauftragt und vergütet.

## § 2 Wartung

(1) Jede Anlage wird viermal im Jahr gewartet, und zwar in den Monaten Februar, Mai, August und November. Der Termin wird mindestens zehn Tage vorher im Hausflur angekündigt.

(2) Zur Wartung gehören Reinigung und Schmierung des Antriebs, Prüfung von Tragseilen, Bremse, Fangvorrichtung, Türen und Notruf sowie der Austausch von Verschleißteilen bis zu einem Einzelwert von 80 Euro.

(3) Über jede Wartung erhält die Auftraggeberin binnen fünf Werktagen ein Protokoll per E-Mail an technik@lindenbogen.example.

## § 3 Störungen und Notruf

(1) Die Störungsannahme ist rund um die Uhr unter 0221 4710 600 erreichbar.

(2) Sind Personen eingeschlossen, trifft die Auftragnehmerin spätestens 30 Minuten nach der Meldung am Aufzug ein und befreit sie.

(3) Steht eine Anlage still, ohne dass Personen eingeschlossen sind, beginnt die Reparatur innerhalb von vier Stunden, wenn die Störung werktags zwischen 7 und 18 Uhr gemeldet wird, sonst bis 10 Uhr des nächsten Werktags.

(4) Wird eine Frist nach Absatz 2 oder 3 überschritten, mindert sich die Monatspauschale der betroffenen Anlage um 15 Prozent, insgesamt höchstens um die Hälfte.

## § 4 Vergütung

| Leistung | Preis netto |
| --- | --- |
| Wartungspauschale je Anlage und Monat | 164,00 Euro |
| Notrufaufschaltung je Anlage und Monat | 21,50 Euro |
| Monteurstunde außerhalb der Pauschale, werktags | 88,00 Euro |
| Monteurstunde nachts, an Sonn- und Feiertagen | 141,00 Euro |
| Anfahrt außerhalb der Pauschale | 46,00 Euro |

(1) Für die sechs Anlagen ergibt sich ein monatlicher Betrag von 1.113,00 Euro netto zuzüglich der gesetzlichen Umsatzsteuer.

(2) Die Vergütung wird vierteljährlich zum Quartalsende berechnet und ist 21 Tage nach Zugang der Rechnung fällig.

(3) Die Preise gelten bis zum 31.12.2027. Danach kann jede Anpassung höchstens der Veränderung des Tariflohns im Metallhandwerk folgen und ist drei Monate vorher anzukündigen.

## § 5 Laufzeit und Kündigung

(1) Der Vertrag beginnt am 01.01.2026 und läuft fest bis zum 31.12.2028.

(2) Er verlängert sich um jeweils ein Jahr, wenn er nicht mit einer Kündigungsfrist von sechs Monaten zum Ende der Laufzeit schriftlich gekündigt wird.

(3) Das Recht zur Kündigung aus wichtigem Grund bleibt unberührt. Ein wichtiger Grund liegt vor, wenn die Auftragnehmerin die Frist für die Personenbefreiung zweimal in zwölf Monaten überschreitet.

## § 6 Haftung und Versicherung

(1) Die Auftragnehmerin haftet unbeschränkt für Vorsatz, grobe Fahrlässigkeit und für Schäden an Leben, Körper und Gesundheit.

(2) Bei einfacher Fahrlässigkeit ist die Haftung auf 500.000 Euro je Schadensfall begrenzt.

(3) Die Auftragnehmerin unterhält eine Betriebshaftpflichtversicherung über mindestens 5 Millionen Euro und weist sie jährlich bis Ende Januar nach.

## § 7 Pflichten der Auftraggeberin

Die Auftraggeberin sorgt für freien Zugang zu Schacht und Triebwerksraum, benennt für jedes Haus eine beauftragte Person nach der Betriebssicherheitsverordnung und meldet Mängel unverzüglich.

## § 8 Datenschutz

Im Notrufsystem werden Sprachaufzeichnungen 14 Tage lang gespeichert und danach gelöscht. Eine weitergehende Nutzung findet nicht statt. Ansprechpartnerin für den Datenschutz bei der Auftragnehmerin ist Wiebke Osterloh, datenschutz@kranich-aufzug.example.

## Anlage 1: Anlagen

| Nr. | Standort | Baujahr | Fabriknummer | Haltestellen |
| --- | --- | --- | --- | --- |
| 1 | Lindenbogen 2 | 1998 | KR-98-0417 | 6 |
| 2 | Lindenbogen 4 | 1998 | KR-98-0418 | 6 |
| 3 | Mühlradgasse 11 | 2007 | KR-07-1120 | 5 |
| 4 | Mühlradgasse 13 | 2007 | KR-07-1121 | 5 |
| 5 | Eisvogelweg 1 | 2016 | KR-16-2033 | 8 |
| 6 | Eisvogelweg 3 | 2016 | KR-16-2034 | 8 |

Köln, den 18.11.2025

Thekla Brandeis, Wohnungsgenossenschaft Lindenbogen eG
Ansgar Kranich, Kranich Aufzugsdienst GmbH
`
