"""What the files for deployment say, read for the tests of this folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_settings import BaseSettings

from edge_proxy.settings import Settings as EdgeSettings
from inference_worker.settings import Settings as WorkerSettings

ROOT = Path(__file__).resolve().parent.parent.parent
SETTINGS: dict[str, type[BaseSettings]] = {"EDGE_": EdgeSettings, "WORKER_": WorkerSettings}


def read(path: str) -> dict[str, Any]:
    """A YAML file of one document."""
    value = yaml.safe_load((ROOT / path).read_text())
    assert isinstance(value, dict)
    return value


def complaint(variables: Mapping[str, object], prefix: str) -> str:
    """What a service would say of these environment variables; nothing: it would start."""
    settings = SETTINGS[prefix]
    given = {}
    for name, value in variables.items():
        field = name.removeprefix(prefix).lower()
        if not name.startswith(prefix) or field not in settings.model_fields:
            return f"{name} is no setting"
        given[field] = str(value)
    try:
        settings.model_validate(given)
    except ValidationError as error:
        return str(error)
    return ""
