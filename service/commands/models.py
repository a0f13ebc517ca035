"""`paintjob models`: list the models that a deployment serves or could serve; fetch them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from service.commands.connecting import open_client
from service.commands.fetching import pull_model
from service.contract.catalogue import ModelEntry, read_catalogue
from service.contract.finders import FinderEntry
from service.contract.settings import SharedSettings

models_app = typer.Typer(help="The models of a deployment.", no_args_is_help=True)

ModelsFile = Annotated[
    Path | None,
    typer.Option(help="TOML file of the models.", envvar="PAINTJOB_MODELS_FILE"),
]
DataDir = Annotated[Path, typer.Option(help="Folder of models.toml.", envvar="PAINTJOB_DATA_DIR")]
AllowNonCommercial = Annotated[
    bool,
    typer.Option(
        "--allow-non-commercial",
        help="Allow licenses that forbid commercial use.",
        envvar="PAINTJOB_ALLOW_NON_COMMERCIAL",
    ),
]

_DATA_DIR = Path("paintjob-data")


@models_app.command("list")
def list_models(
    url: Annotated[str | None, typer.Option(help="Ask a running service instead.")] = None,
    key: Annotated[
        str | None, typer.Option(help="API key, if it requires one.", envvar="PAINTJOB_KEY")
    ] = None,
    models_file: ModelsFile = None,
    data_dir: DataDir = _DATA_DIR,
    allow_non_commercial: AllowNonCommercial = False,
) -> None:
    """List the models: those that are served, then the others that Paintjob knows."""
    if url is None:
        rows = _read_rows(models_file, data_dir, allow_non_commercial)
    else:
        with open_client(url, key) as client:
            rows = [model.model_dump() for model in client.get_models()]
    for row in rows:
        mark = "default" if row.get("is_default") else "" if row["configured"] else "not served"
        columns = f"{row['name']:<24} {row['family']:<22} {row['licence']:<26} {mark}"
        typer.echo(columns.rstrip())


@models_app.command("pull")
def pull(
    name: Annotated[str, typer.Argument(help="Name as `paintjob models list` shows it.")],
    models_file: ModelsFile = None,
    data_dir: DataDir = _DATA_DIR,
    default: Annotated[
        bool, typer.Option("--default", help="Make it the model of `auto`.")
    ] = False,
    allow_non_commercial: AllowNonCommercial = False,
) -> None:
    """Fetch a model's weights, and add it with the fetched commit to the models file."""
    file = SharedSettings(models_file=models_file, data_dir=data_dir).own_models_file()
    for line in pull_model(name, file, default=default, allow_non_commercial=allow_non_commercial):
        typer.echo(line)


def _read_rows(
    models_file: Path | None, data_dir: Path, allow_non_commercial: bool
) -> list[dict[str, Any]]:
    catalogue = read_catalogue(
        SharedSettings(
            models_file=models_file, data_dir=data_dir, allow_non_commercial=allow_non_commercial
        )
    )
    served: list[ModelEntry | FinderEntry] = [*catalogue.models, *catalogue.finders]
    entries = [*served, *catalogue.known, *catalogue.known_finders]
    return [
        {
            "name": entry.name,
            "family": entry.family,
            "licence": entry.licence,
            "configured": entry in served and catalogue.allows(entry),
            "is_default": entry is catalogue.default_model,
        }
        for entry in entries
    ]
