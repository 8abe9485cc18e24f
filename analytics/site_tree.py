"""The meter tree of one site and period: what the pure modules find, put into one document."""

from typing import Any

from analytics.calendar import area_use
from analytics.coverage import coverage, coverage_document, from_tree
from analytics.flows import Flows
from analytics.reconcile import reconcile
from analytics.sankey import sankey
from analytics.site_times import calendar_of, tariff_of
from analytics.suspects import suspects
from analytics.tariff import cost
from analytics.tree import residuals
from analytics.tree_document import (
    areas_document,
    cost_document,
    fit_document,
    nodes_document,
    sankey_document,
    uncertainty_document,
)
from analytics.uncertainty import flow_totals
from metering.sitefile import SiteConfig

Document = dict[str, Any]


def tree_of(config: SiteConfig, flows: Flows) -> Document:
    """Nodes, suspects, metering coverage, Sankey, cost (null without a contract), uncertainty and idle energy."""
    fit = reconcile(flows)
    named = suspects(flows, fit)
    calendar, tariff = calendar_of(config), tariff_of(config)
    bill = None if tariff is None else cost(tariff, calendar, flows.start_ms, flows.grid_import, flows.grid_export)
    return {
        "nodes": nodes_document(flows, residuals(flows), fit, named),
        "fit": fit_document(config.site, fit, named),
        "metering": coverage_document(coverage(config.site, from_tree(config.site))),
        "sankey": sankey_document(config.site, sankey(flows)),
        "cost": None if bill is None else cost_document(bill),
        "uncertainty": uncertainty_document(flow_totals(flows).values()),
        "areas": areas_document(area_use(flows, calendar)),
    }
