"""Spans of calls that paint several jobs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.collector import running_collector

ROOT = Path(__file__).parents[3]


def test_call_of_several_jobs_is_linked_to_all_of_them() -> None:
    code = (
        "import sys\n"
        "from service.telemetry import traces\n"
        "from worker.horse import span_of_call\n"
        "traces.start('horse', sys.argv[1], 1.0, '1')\n"
        "jobs = [traces.open_span('job', 'consumer') for _ in range(2)]\n"
        "with span_of_call([job.context for job in jobs]): pass\n"
        "with span_of_call([jobs[1].context, '']): pass\n"
        "[job.end() for job in jobs]\n"
        "traces.stop()\n"
    )
    with running_collector() as collector:
        subprocess.run([sys.executable, "-c", code, collector.url], cwd=ROOT, check=True)
    first, second = collector.find("job")
    together, alone = collector.find("call")
    assert together.links == (first.span_id, second.span_id)
    assert together.trace_id == first.trace_id
    assert (alone.links, alone.parent_id) == ((), second.span_id)
