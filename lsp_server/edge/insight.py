"""What completions did, for who asks: the last one, an export of the last, the statistics."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from lsp_server import protocol
from lsp_server.statistics.days import last_days, today
from lsp_server.trace_history import explain_last

if TYPE_CHECKING:
    from lsp_server.edge.late import Feature
    from lsp_server.server import SparrowServer

STATISTICS_DAYS = 30


def register_insight(server: SparrowServer, feature: Feature) -> None:
    parts = server.parts

    @feature(protocol.EXPLAIN_COMPLETION)
    def explain_completion(_: Any) -> protocol.Explanation:
        return protocol.Explanation(markdown=explain_last(parts.traces))

    @feature(protocol.EXPORT_TRACE)
    def export_trace(_: Any) -> protocol.TraceExport:
        return protocol.TraceExport(json=parts.traced_code.export(parts.traces))

    @feature(protocol.STATISTICS)
    async def statistics(_: Any) -> protocol.StatisticsPage:
        from lsp_server.statistics.page import CSS

        await parts.statistics.write()
        html = await asyncio.to_thread(_page, server.config.statistics_enable)
        return protocol.StatisticsPage(html=html, css=CSS)


def _page(is_enabled: bool) -> str:  # noqa: FBT001 - of one caller
    """In a thread: the file may be busy."""
    from lsp_server.statistics.page import page
    from lsp_server.statistics.report import report
    from lsp_server.statistics.store import StatisticsFile, StatisticsUnusable
    from lsp_server.user_folders import statistics_path

    days = last_days(STATISTICS_DAYS, today())
    try:
        tallies = StatisticsFile(statistics_path()).read(days[0])
    except StatisticsUnusable as error:
        return page(report({}, days), is_enabled=is_enabled, problem=str(error))
    return page(report(tallies, days), is_enabled=is_enabled)
