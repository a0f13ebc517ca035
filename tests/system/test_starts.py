"""Every process, started for real where others run it: what it refuses, and what it reports."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.client import PaintjobClient
from service.contract.setting_errors import EXIT_BAD_SETTINGS
from tests.support.brokers import running_servers
from tests.support.deployment import running_up
from tests.support.patience import wait_for
from tests.support.programs import running_programs

pytestmark = pytest.mark.slow

SECRET = "correct-horse"  # noqa: S105

WRONG = (
    ("api", "PAINTJOB_PORT", "70000", "must be less than or equal to 65535"),
    ("api", "PAINTJOB_MODELS_FILE", "/no/models.toml", "cannot be read"),
    ("api", "PAINTJOB_HOST", "192.0.2.1", "other machines can reach"),
    ("worker", "PAINTJOB_DRAIN_SECONDS", "soon", "must be a valid number"),
    ("worker", "PAINTJOB_QUEUE", "paint-gpu:none", "must be one of paint-cpu"),
    ("worker", "PAINTJOB_ENGINES", "no.such:thing", "No module named"),
    ("worker", "PAINTJOB_REDIS_URL", f"http://user:{SECRET}@h", "must be redis://"),
    ("courier", "PAINTJOB_BLOB_URL", "/srv/blobs", "write file:///srv/blobs"),
    ("courier", "PAINTJOB_REDIS_URL", f"redis://:{SECRET}@h?nonsense=1", "nonsense"),
    ("serve", "PAINTJOB_HTTP_THREADS", "none", "must be a valid integer"),
    ("up", "PAINTJOB_SELF_MODEL", "perhaps", "must be a valid boolean"),
    ("config", "PAINTJOB_LEASE_SECONDS", "0", "must be greater than or equal to 0.5"),
)


def test_every_process_refuses_a_wrong_setting_in_one_line(tmp_path: Path) -> None:
    with running_servers() as servers:
        broker = f"redis://127.0.0.1:{servers.start()}"
        with running_programs(tmp_path, PAINTJOB_REDIS_URL=broker) as programs:
            started = [programs.start(name, **{key: value}) for name, key, value, _ in WRONG]
            for program, (name, key, value, rule) in zip(started, WRONG, strict=True):
                assert program.wait() == EXIT_BAD_SETTINGS, (name, key, program.output)
                lines = [line for line in program.output.splitlines() if key in line]
                shown = value.replace(SECRET, "***")
                assert lines, program.output
                assert all(f"{key}={shown}: " in line and rule in line for line in lines)
                assert "Traceback" not in program.output
                assert SECRET not in program.output


def test_every_process_names_the_cause_when_the_broker_refuses_it(tmp_path: Path) -> None:
    with running_servers() as servers:
        port = servers.start("--requirepass", SECRET)
        wrong = f"redis://:wrong-{SECRET}@127.0.0.1:{port}"
        with running_programs(tmp_path, PAINTJOB_REDIS_URL=wrong, PAINTJOB_PORT="0") as programs:
            waiting = [programs.start(name) for name in ("api", "worker", "courier")]
            command, check = programs.start("workers"), programs.start("config")
            for program in waiting:
                wait_for(lambda p=program: '"cause": "wrong_password"' in p.output, programs.logs)  # type: ignore[misc]
                assert program.process.poll() is None
            assert check.wait() == EXIT_BAD_SETTINGS
            assert "failed   broker" in check.output
            assert "ok       blob store" in check.output
            assert command.wait() == 1
            assert f"127.0.0.1:{port}: it refuses the user or the password" in command.output
            assert SECRET not in programs.logs()
            assert "Traceback" not in programs.logs()
            for program in waiting:
                program.process.terminate()
            assert [program.wait() for program in waiting] == [0, 0, 0]


def test_config_check_uses_what_the_settings_name_and_show_tells_their_source(
    tmp_path: Path,
) -> None:
    with running_servers() as servers:
        port = servers.start("--requirepass", SECRET)
        url = f"redis://:{SECRET}@127.0.0.1:{port}"
        with running_programs(tmp_path, PAINTJOB_REDIS_URL=url) as programs:
            check, shown = programs.start("config"), programs.start("show")
            assert (check.wait(), shown.wait()) == (0, 0), programs.logs()
            outcomes = [line.split()[0] for line in check.output.splitlines()]
            # The server has no maxmemory.
            assert (outcomes.count("ok"), outcomes.count("warning")) == (7, 1)
            assert (
                f"PAINTJOB_REDIS_URL=redis://:***@127.0.0.1:{port}  (environment)" in shown.output
            )
            assert "/data/blobs  (from PAINTJOB_DATA_DIR)" in shown.output
            assert SECRET not in programs.logs()


def test_service_runs_at_an_ipv6_address_where_kubernetes_links_services(tmp_path: Path) -> None:
    # `up` hands the environment on to every process.
    links = {"PAINTJOB_SERVICE_HOST": "10.0.0.7", "PAINTJOB_PORT_8080_TCP": "tcp://10.0.0.7:8080"}
    with running_up("--host", "[::1]", **links) as up:
        assert up.url.startswith("http://[::1]:")
        with PaintjobClient(up.url) as client:
            assert client.get_methods()
