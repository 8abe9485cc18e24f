"""The registry of indicators: a plain mapping from name to function; every function takes the same frozen inputs."""

from collections.abc import Mapping
from types import MappingProxyType

from analytics import (
    indicators_carbon,
    indicators_data,
    indicators_electricity,
    indicators_equipment,
    indicators_operations,
    indicators_products,
)
from analytics.indicator_inputs import (
    Evidence,
    Function,
    Gauge,
    Indicator,
    Inputs,
    LeakTest,
    Order,
    Scale,
)
from analytics.targets import Target

__all__ = [
    "INDICATORS", "Evidence", "Function", "Gauge", "Indicator", "Inputs", "LeakTest", "Order", "Scale", "Target",
    "compute",
]  # fmt: skip

_carbon, _electricity = indicators_carbon, indicators_electricity
_equipment, _data, _products = indicators_equipment, indicators_data, indicators_products
_operations = indicators_operations

INDICATORS: Mapping[str, Function] = MappingProxyType({
    function.__name__: function
    for function in (
        _carbon.scope1, _carbon.scope2_location, _carbon.scope2_market, _carbon.gross_location, _carbon.gross_market,
        _carbon.co2_per_tce, _carbon.co2_per_tce_location, _carbon.co2e_per_tce, _carbon.net_balance,
        _carbon.offsets_ratio, _carbon.own_reduction_share, _carbon.absolute_reduction,
        _carbon.target_annual_reduction, _carbon.instruments_quality, _carbon.duplicate_serials,
        _carbon.offset_quality, _carbon.removals_cover, _carbon.reduction_first, _carbon.grid_intensity,
        _carbon.consumption_intensity, _carbon.combined_uncertainty, _electricity.comprehensive_energy_tce,
        _electricity.comprehensive_energy_tce_equal_value, _electricity.renewable_share_physical,
        _electricity.renewable_share_contractual, _electricity.renewable_purchased_share,
        _electricity.renewable_energy_share, _electricity.electrification_rate, _electricity.self_use_rate,
        _electricity.self_sufficiency, _electricity.annual_match, _electricity.hourly_match, _electricity.cfe_score,
        _electricity.peak_demand, _electricity.load_factor, _electricity.night_share, _electricity.base_load_share,
        _equipment.compressor_energy, _equipment.compressor_specific_power, _equipment.compressor_load_ratio,
        _equipment.night_air_share, _equipment.leak_test_share, _equipment.pv_yield, _equipment.pv_performance_ratio,
        _equipment.storage_efficiency, _equipment.chilled_tank_loss, _equipment.heat_recovery_share,
        _equipment.forklift_energy, _products.energy_per_unit, _products.co2_per_unit, _products.workshop_energy,
        _products.energy_intensity_improvement, _products.value_added_intensity_improvement, _data.metering_coverage,
        _data.metering_coverage_read,
        _data.auto_collection_rate, _data.auto_collection_rate_energy, _data.data_completeness, _data.estimated_share,
        _data.inventory_coverage, _data.data_quality_score, _data.traceability, _data.tree_residual,
        _data.centre_functions, _operations.idle_energy_share, _operations.leak_estimate,
        _operations.heat_recovery_credit, _operations.recipe_saving,
    )
})  # fmt: skip


def compute(inputs: Inputs) -> Mapping[str, Indicator]:
    """Every indicator of the registry, by name."""
    return {name: function(inputs) for name, function in INDICATORS.items()}
