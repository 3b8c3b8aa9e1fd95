"""The observer `report`: the run as one page, in `summary/report.html`, once a worker leaves.

Every worker that leaves writes it, one after the other, so that the last one has seen all.
"""

from __future__ import annotations

import logging

from neps_core import ObserverSpec, Run, hookimpl

logger = logging.getLogger("neps.report")


class ReportObserver:
    """Writes the report of each run that it observes."""

    def neps_run_finished(self, run: Run) -> None:
        """Write the report."""
        from neps_plugins.report import write_page

        with run.locked("report"):
            path = write_page([run], run.root_directory / "summary" / "report.html")
        logger.info("The report is in %s", path)


@hookimpl
def neps_observers() -> list[ObserverSpec]:
    """`report`."""
    return [ObserverSpec("report", ReportObserver, "summary/report.html: the run as one page, at its end")]
