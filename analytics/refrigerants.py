"""Refrigerants and switchgear gas that escaped, by four methods [kg]; GHG Protocol, EPA 2014 on fugitive gases.

Each returns the mass of gas that went into the air; a negative mass balance is a mistake in the figures, not a removal.
"""

from fractions import Fraction


def material_balance(
    begin: Fraction, end: Fraction, purchases: Fraction, returned: Fraction, charge_increase: Fraction
) -> Fraction:
    """Stock fell + bought - given back - more in the machines [kg]; ValueError when negative."""
    escaped = (begin - end) + purchases - returned - charge_increase
    if escaped < 0:
        raise ValueError(
            f"the mass balance is negative ({float(escaped):g} kg): more went out of the books than came in; "
            "check the stocks, what was returned and the change of charge"
        )
    return escaped


def simplified(
    install_loss: Fraction, refilled: Fraction, recovered: Fraction, disposed_charge: Fraction,
    disposed_recovered: Fraction,
) -> Fraction:  # fmt: skip
    """Lost at installation + refilled - recovered + not recovered at disposal [kg]; ValueError when negative."""
    escaped = install_loss + refilled - recovered + (disposed_charge - disposed_recovered)
    if disposed_recovered > disposed_charge or escaped < 0:
        raise ValueError("more was recovered than there was: check refills, recoveries and the charge disposed of")
    return escaped


def screening(charge: Fraction, annual_leak: Fraction, years: Fraction) -> Fraction:
    """Charge x annual leak rate [1/a] x time [kg]: a rough figure where nothing is logged."""
    return charge * annual_leak * years


def purchased(bought: Fraction) -> Fraction:
    """All that was bought is taken as escaped [kg]."""
    return bought


def leak_rate(refilled: Fraction, recovered: Fraction, charge: Fraction) -> Fraction:
    """(Refill - recovered) / charge, over the time of the logs [1]."""
    return (refilled - recovered) / charge
