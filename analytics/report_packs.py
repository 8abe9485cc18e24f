"""Two packs for those who ask: figures by topic as climate questionnaires want them, and the six paths of 2026."""

from analytics import report_sections as part
from analytics.report_claims import claims_blocks
from analytics.report_disclosure import annexes, how_to_check, ways_table
from analytics.report_facts import SIX_PATHS, Facts
from analytics.report_inventory import boundary_table, category_table, gas_table, gas_text, method_text, profile_table
from analytics.report_matching import matching_blocks
from analytics.report_measures import measures_table, savings_tables
from analytics.report_meters import suspects_table
from analytics.report_parts import Block, Chapter, Text, Verdicts, sentence
from analytics.report_targets import targets_blocks
from analytics.terms import Sentence

S = Sentence


def questionnaire(facts: Facts) -> tuple[Chapter, ...]:
    """A pack by topic; topics, no question numbers: those change every year and were not read."""
    return (
        Chapter("1", S("核算边界与方法", "Boundary and methodology"), (
            Text(S("按主题整理，便于填写 CDP 一类问卷；不引用题号（题号逐年变化，未核对）。",
                   ("By topic, for questionnaires such as CDP's; no question numbers, which change from year to year"
                    " and were not read.")), "notice"),
            profile_table(facts), boundary_table(facts), method_text(facts),
        )),
        Chapter("2", S("排放数据", "Emissions data"), (
            *part.shortcomings(facts), part.scopes_chart(facts), part.totals_table(facts), part.interval_note(facts),
            category_table(facts), gas_text(facts), gas_table(facts),
            part.apart_table(facts), part.suppliers_text(facts), part.beside_table(facts),
        )),
        Chapter("3", S("能源", "Energy"), (
            part.energy_table(facts), part.energy_chart(facts), *matching_blocks(facts),
        )),
        Chapter("4", S("目标与措施", "Targets and initiatives"), (
            *targets_blocks(facts), measures_table(facts), *savings_tables(facts), ways_table(facts),
        )),
        Chapter("5", S("核证与数据质量", "Verification and data quality"), (
            part.closings_table(facts), part.lacking_table(facts), suspects_table(facts), how_to_check(facts),
            *claims_blocks(facts),
        )),
        *annexes(facts),
    )  # fmt: skip


def six_paths(facts: Facts) -> tuple[Chapter, ...]:
    """A page per path of the 2026 guidance, then the figures behind them."""
    score = facts.scores[SIX_PATHS]
    label = score["label"]
    note = Text(S(f"{label['zh']}；六条路径出自指导意见，指标为自评原型，指导意见未给出门槛。",
                  f"{label['en'][:1].upper()}{label['en'][1:]}; the paths are the guidance's, the indicators a"
                  " prototype's: the guidance gives no thresholds."), "notice")  # fmt: skip
    chapters = []
    for number, path in enumerate(score["standard"]["dimensions"], 1):
        blocks: tuple[Block, ...] = (Verdicts(S("指标", "Indicators"), part.judgements(score, path["id"])),)
        blocks = (note, *part.shortcomings(facts), *blocks) if number == 1 else blocks
        chapters.append(Chapter(str(number), sentence(path["name"]), (*blocks, *_beside(facts, path["id"]))))
    last = Chapter(str(len(chapters) + 1), S("核算结果", "What was accounted"), (
        part.scopes_chart(facts), part.totals_table(facts), part.interval_note(facts),
        part.energy_table(facts), *targets_blocks(facts), ways_table(facts),
    ))  # fmt: skip
    return (*chapters, last, *annexes(facts))


def _beside(facts: Facts, path: str) -> tuple[Block, ...]:
    """What a path is about beside its indicators."""
    if path == "source":
        return (part.energy_chart(facts), *matching_blocks(facts))
    if path == "process":
        return savings_tables(facts)
    return (part.beside_table(facts), *claims_blocks(facts)) if path == "offset_disclosure" else ()
