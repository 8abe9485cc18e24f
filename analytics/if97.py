"""Water and steam by IAPWS-IF97, regions 1, 2 and 4: specific enthalpy and the saturation line.

Revised Release on the IAPWS Industrial Formulation 1997 (R7-97, 2012); its coefficients as open implementations print
them, held against the release's own verification values and against a second implementation. Not valid near the
critical point (region 3) nor above 800 °C: what lies there is refused.
"""

import math
from collections.abc import Iterable

from analytics.terms import Status

SOURCE = "IAPWS R7-97 (2012), IAPWS-IF97; coefficients as printed by an open implementation, its check values met"
STATUS = Status.SECOND_HAND
R = 0.461526  # specific gas constant [kJ/(kg K)], eq. 1
KELVIN = 273.15
HOTTEST, HIGHEST = 1073.15, 100.0  # of region 2 [K, MPa]
EDGE = 623.15  # between regions 1 and 3, and the end of saturation by regions 1 and 2 alone [K]
LOWEST_MPA = 0.000611213  # of the saturation line, at 273.15 K [MPa], eq. 30

# Tables 2, 10 and 11 of the release: exponents of pressure and temperature, coefficient.
REGION_1: tuple[tuple[int, int, float], ...] = (
    (0, -2, 0.14632971213167), (0, -1, -0.84548187169114), (0, 0, -3.756360367204), (0, 1, 3.3855169168385),
    (0, 2, -0.95791963387872), (0, 3, 0.15772038513228), (0, 4, -0.016616417199501), (0, 5, 0.00081214629983568),
    (1, -9, 0.00028319080123804), (1, -7, -0.00060706301565874), (1, -1, -0.018990068218419),
    (1, 0, -0.032529748770505), (1, 1, -0.021841717175414), (1, 3, -5.283835796993e-05),
    (2, -3, -0.00047184321073267), (2, 0, -0.00030001780793026), (2, 1, 4.7661393906987e-05),
    (2, 3, -4.4141845330846e-06), (2, 17, -7.2694996297594e-16), (3, -4, -3.1679644845054e-05),
    (3, 0, -2.8270797985312e-06), (3, 6, -8.5205128120103e-10), (4, -5, -2.2425281908e-06),
    (4, -2, -6.5171222895601e-07), (4, 10, -1.4341729937924e-13), (5, -8, -4.0516996860117e-07),
    (8, -11, -1.2734301741641e-09), (8, -6, -1.7424871230634e-10), (21, -29, -6.8762131295531e-19),
    (23, -31, 1.4478307828521e-20), (29, -38, 2.6335781662795e-23), (30, -39, -1.1947622640071e-23),
    (31, -40, 1.8228094581404e-24), (32, -41, -9.3537087292458e-26),
)  # fmt: skip
IDEAL_2: tuple[tuple[int, float], ...] = (
    (0, -9.6927686500217), (1, 10.086655968018), (-5, -0.005608791128302), (-4, 0.071452738081455),
    (-3, -0.40710498223928), (-2, 1.4240819171444), (-1, -4.383951131945), (2, -0.28408632460772),
    (3, 0.021268463753307),
)  # fmt: skip
REGION_2: tuple[tuple[int, int, float], ...] = (
    (1, 0, -0.0017731742473213), (1, 1, -0.017834862292358), (1, 2, -0.045996013696365), (1, 3, -0.057581259083432),
    (1, 6, -0.05032527872793), (2, 1, -3.3032641670203e-05), (2, 2, -0.00018948987516315),
    (2, 4, -0.0039392777243355), (2, 7, -0.043797295650573), (2, 36, -2.6674547914087e-05),
    (3, 0, 2.0481737692309e-08), (3, 1, 4.3870667284435e-07), (3, 3, -3.227767723857e-05),
    (3, 6, -0.0015033924542148), (3, 35, -0.040668253562649), (4, 1, -7.8847309559367e-10),
    (4, 2, 1.2790717852285e-08), (4, 3, 4.8225372718507e-07), (5, 7, 2.2922076337661e-06),
    (6, 3, -1.6714766451061e-11), (6, 16, -0.0021171472321355), (6, 35, -23.895741934104),
    (7, 0, -5.905956432427e-18), (7, 11, -1.2621808899101e-06), (7, 25, -0.038946842435739),
    (8, 8, 1.1256211360459e-11), (8, 36, -8.2311340897998), (9, 13, 1.9809712802088e-08),
    (10, 4, 1.0406965210174e-19), (10, 10, -1.0234747095929e-13), (10, 14, -1.0018179379511e-09),
    (16, 29, -8.0882908646985e-11), (16, 50, 0.10693031879409), (18, 57, -0.33662250574171),
    (20, 20, 8.9185845355421e-25), (20, 35, 3.0629316876232e-13), (20, 48, -4.2002467698208e-06),
    (21, 21, -5.9056029685639e-26), (22, 53, 3.7826947613457e-06), (23, 39, -1.2768608934681e-15),
    (24, 26, 7.3087610595061e-29), (24, 40, 5.5414715350778e-17), (24, 58, -9.436970724121e-07),
)  # fmt: skip
SATURATION = (
    1167.0521452767, -724213.16703206, -17.073846940092, 12020.82470247, -3232555.0322333, 14.91510861353,
    -4823.2657361591, 405113.40542057, -0.23855557567849, 650.17534844798,
)  # fmt: skip
BORDER_23 = (348.05185628969, -1.1671859879975, 0.0010192970039326)  # table 1: between regions 2 and 3


def liquid(mpa: float, kelvin: float) -> float:
    """The enthalpy of compressed or boiling water, region 1 [kJ/kg]; ValueError outside it."""
    if not (KELVIN <= kelvin <= EDGE and _boils_at(kelvin) <= mpa <= HIGHEST):
        raise ValueError(f"{mpa:g} MPa and {kelvin - KELVIN:g} °C is no liquid water of IAPWS-IF97 region 1")
    pi, tau = 7.1 - mpa / 16.53, 1386 / kelvin - 1.222
    return R * 1386 * math.fsum(n * pi**i * j * tau ** (j - 1) for i, j, n in REGION_1)


def vapour(mpa: float, kelvin: float) -> float:
    """The enthalpy of saturated or superheated steam, region 2 [kJ/kg]; ValueError outside it, with what to do."""
    if not (KELVIN <= kelvin <= HOTTEST and 0 < mpa <= min(HIGHEST, _most(kelvin))):
        raise ValueError(_outside(mpa, kelvin))
    tau = 540 / kelvin
    return R * 540 * math.fsum((*_ideal(tau), *_residual(mpa, tau - 0.5)))


def _ideal(tau: float) -> Iterable[float]:
    return (n * j * tau ** (j - 1) for j, n in IDEAL_2)


def _residual(pi: float, tau: float) -> Iterable[float]:
    return (n * pi**i * j * tau ** (j - 1) for i, j, n in REGION_2 if j)


def _most(kelvin: float) -> float:
    """The highest pressure of steam at a temperature, within rounding of the saturation line [MPa]."""
    if kelvin <= EDGE:
        return _boils_at(kelvin) * (1 + 1e-9)
    a, b, c = BORDER_23
    return a + b * kelvin + c * kelvin**2


def _outside(mpa: float, kelvin: float) -> str:
    asked = f"{mpa:g} MPa and {kelvin - KELVIN:g} °C"
    if LOWEST_MPA <= mpa <= _boils_at(EDGE) and kelvin < saturation(mpa):
        boils = saturation(mpa) - KELVIN
        return (
            f"{asked} is no superheated steam: water boils at {boils:.1f} °C there; correct the state, or say saturated"
        )
    return f"{asked} lies outside the table (IAPWS-IF97 region 2: to 800 °C, 100 MPa, not near the critical point)"


def _boils_at(kelvin: float) -> float:
    """The saturation pressure, eq. 30 [MPa]."""
    n = SATURATION
    theta = kelvin + n[8] / (kelvin - n[9])
    a = theta**2 + n[0] * theta + n[1]
    b = n[2] * theta**2 + n[3] * theta + n[4]
    c = n[5] * theta**2 + n[6] * theta + n[7]
    return float((2 * c / (-b + math.sqrt(b**2 - 4 * a * c))) ** 4)


def saturation(mpa: float) -> float:
    """The temperature at which water boils, eq. 31, where regions 1 and 2 tell its enthalpies [K]."""
    if not LOWEST_MPA <= mpa <= _boils_at(EDGE):
        raise ValueError(
            f"saturated steam at {mpa:g} MPa lies outside the table (0.000611 to {_boils_at(EDGE):.3f} MPa)"
        )
    n, beta = SATURATION, mpa**0.25
    e = beta**2 + n[2] * beta + n[5]
    f = n[0] * beta**2 + n[3] * beta + n[6]
    g = n[1] * beta**2 + n[4] * beta + n[7]
    d = 2 * g / (-f - math.sqrt(f**2 - 4 * e * g))
    return float((n[9] + d - math.sqrt((n[9] + d) ** 2 - 4 * (n[8] + n[9] * d))) / 2)


def dry_saturated(mpa: float) -> float:
    """The enthalpy of dry saturated steam at a pressure [kJ/kg]."""
    return vapour(mpa, saturation(mpa))
