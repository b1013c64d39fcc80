/** Spanish minutes of a board meeting, as plain text. */
export const ACTA = `ACTA DE LA REUNIÓN DEL CONSEJO RECTOR

Olivar de la Sombra, Sociedad Cooperativa
CIF: F99001208
Acta número: 2026/05
Fecha: 19 de mayo de 2026
Hora: de 17:30 a 19:55
Lugar: sala de juntas de la almazara, Camino de las Lechuzas 7, Jaén

ASISTENTES
  Remedios Alcornocal Vega, presidenta
  Fermín Zarzalejo Prado, vicepresidente
  Ximena Robledal Cuesta, secretaria
  Baldomero Tejo Marín, tesorero
  Itziar Lentisco Arana, vocal
  Nicanor Quejigo Soto, gerente (con voz y sin voto)
Excusa su ausencia: Leocadia Enebro Ruiz, vocal.

La presidenta comprueba que hay quórum y abre la sesión a las 17:30.

ORDEN DEL DÍA
  1. Lectura y aprobación del acta anterior
  2. Cierre de la campaña 2025/2026
  3. Compra de una nueva línea de embotellado
  4. Protección de datos: cámaras en el patio
  5. Personal
  6. Ruegos y preguntas

1. ACTA ANTERIOR
Se lee el acta 2026/04, del 21 de abril de 2026, y se aprueba por unanimidad.

2. CIERRE DE LA CAMPAÑA
El gerente informa de que en la campaña se molturaron 4.382 toneladas de aceituna, un 6 % menos que en
la anterior, con un rendimiento medio del 20,4 %. El precio medio de venta fue de 4,15 euros por kilo.
El tesorero presenta la liquidación a los socios: 0,79 euros por kilo de aceituna de vuelo y
0,52 euros por kilo de aceituna de suelo. El pago se hará en dos plazos, el 15 de junio y el
30 de septiembre de 2026.
ACUERDO 1: Se aprueba la liquidación por cinco votos a favor y ninguno en contra.

3. LÍNEA DE EMBOTELLADO
Se estudian tres ofertas:
  a) Maquinaria Trébol Azul, S. L.: 148.200 euros, entrega en 16 semanas, garantía de 2 años
  b) Envases Colibrí, S. A.: 139.900 euros, entrega en 24 semanas, garantía de 1 año
  c) Talleres Hermanos Carrizo: 161.500 euros, entrega en 12 semanas, garantía de 3 años
El vicepresidente señala que la línea debe estar instalada antes del 1 de octubre, porque la cosecha
temprana empieza esa semana.
ACUERDO 2: Se acepta la oferta de Maquinaria Trébol Azul por 148.200 euros, con cuatro votos a favor y
uno en contra. El contrato incluirá una penalización de 600 euros por cada día de retraso.
Se financiará con un préstamo de 90.000 euros a siete años y el resto con fondos propios.
Responsable: Baldomero Tejo. Plazo: firma del contrato antes del 5 de junio de 2026.

4. CÁMARAS EN EL PATIO
La secretaria explica que las cuatro cámaras del patio de descarga graban también parte de la vía
pública y que el cartel informativo no indica quién es el responsable del tratamiento.
ACUERDO 3: Se reorientarán las cámaras y se cambiará el cartel antes del 30 de junio de 2026. Las grabaciones
se conservarán como máximo 30 días y solo la gerencia tendrá acceso a ellas. Aprobado por unanimidad.
Responsable: Ximena Robledal.

5. PERSONAL
El gerente propone contratar a dos personas fijas discontinuas para el laboratorio, desde el 1 de octubre
de 2026 hasta el 28 de febrero de 2027, con jornada de 38 horas semanales.
ACUERDO 4: Se autoriza la contratación por unanimidad. El puesto se anunciará en la web y en el tablón.

6. RUEGOS Y PREGUNTAS
La señora Lentisco pide que los socios reciban los análisis de sus aceitunas por correo electrónico.
El gerente contesta que será posible desde noviembre; quien lo desee puede pedirlo ya en
socios@olivarsombra.example.
El señor Zarzalejo pregunta por la avería de la báscula. Se reparó el 11 de mayo y costó 2.340 euros.

La próxima reunión se celebrará el martes 16 de junio de 2026 a las 17:30 en el mismo lugar.

Sin más asuntos que tratar, la presidenta levanta la sesión a las 19:55, de lo que como secretaria doy fe.

Ximena Robledal Cuesta, secretaria
Visto bueno: Remedios Alcornocal Vega, presidenta
`
