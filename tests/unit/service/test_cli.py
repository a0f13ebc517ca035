"""The command line, run as a program."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from service import cli

MODELS = """
[[models]]
name = "tiny"
family = "stable-diffusion"
source = "/models/tiny"
licence = "MIT"
default = true
"""


def _paintjob(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "service.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _main(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["paintjob", *arguments])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return int(caught.value.code or 0)


def test_cli_shows_its_commands() -> None:
    answer = _paintjob("--help")
    assert answer.returncode == 0
    for command in ("up", "serve", "worker", "courier", "submit", "verify", "models", "keys"):
        assert command in answer.stdout


def test_cli_prints_its_version() -> None:
    assert _paintjob("--version").stdout == _paintjob("version").stdout


def test_cli_tells_a_dead_service_apart_and_soon(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # In seconds that this process waits, not that the machine takes.
    waited: list[float] = []
    monkeypatch.setattr("service.client.carrying.time.sleep", waited.append)
    assert _main(monkeypatch, "jobs", "list", "--url", "http://127.0.0.1:1") == 3
    assert sum(waited) < 3
    told = capsys.readouterr().err
    assert "the service does not answer" in told
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "told"), [("none/o.png", "there is no folder"), ("folder.png", "is a folder")]
)
def test_cli_checks_the_output_before_it_calls_the_service(
    name: str,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "folder.png").mkdir()
    image = tmp_path / "i.png"
    image.write_bytes(b"")
    call = ("submit", "outpaint", str(image), "--left", "8", "--url", "http://127.0.0.1:1")
    assert _main(monkeypatch, *call, "-o", str(tmp_path / name)) == 2
    assert told in re.sub(r"[\s│]+", " ", capsys.readouterr().err)


def test_cli_imports_none_of_the_programs_that_it_starts() -> None:
    code = (
        "import sys, service.cli; "
        "print([name for name in ('flask', 'rq', 'worker', 'numpy', 'torch', 'service.api.app', "
        "'service.courier', 'obstore') if name in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert answer.stdout.strip() == "[]"


def test_cli_lists_the_models_of_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "models.toml"
    file.write_text(MODELS)
    assert _main(monkeypatch, "models", "list", "--models-file", str(file)) == 0
    first, *others = capsys.readouterr().out.splitlines()
    assert first.split() == ["tiny", "stable-diffusion", "MIT", "default"]
    assert others
    served = [line.split()[0] for line in others if not line.endswith("not served")]
    assert served == ["grabcut"]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("PAINTJOB_PORT", "70000", "PAINTJOB_PORT=70000: must be"),
        ("PAINTJOB_PROT", "8000", "PAINTJOB_PROT is no setting of any process"),
        (
            "PAINTJOB_HOST",
            "192.0.2.1",
            "paintjob: PAINTJOB_HOST=192.0.2.1: other machines can reach",
        ),
    ],
)
@pytest.mark.parametrize("command", ["up", "serve"])
def test_cli_names_the_setting_that_is_wrong(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: str,
    message: str,
    command: str,
) -> None:
    monkeypatch.setenv(name, value)
    assert _main(monkeypatch, command) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_cli_refuses_a_result_of_no_known_format(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(b"x")
    assert _main(monkeypatch, "submit", "outpaint", str(picture), "-o", "out.gif") == 2
    assert "the suffix must be one of" in capsys.readouterr().err
