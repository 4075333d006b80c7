"""The container files are checked as data, because the tests must run where no container engine is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE)["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")

# ${NAME}, ${NAME:-default}, ${NAME:?sentence}; a doubled dollar is for the container's own shell.
VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?P<how>:?[-?+]|)(?P<rest>[^}]*)\}")
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|KEY")
TAGGED = re.compile(r"[\w./-]+:(?!latest\b)(\$\{\w+:-[\w.-]+\}|[\w.-]+)")


def _dockerfile_command() -> list[str]:
    """The image's default command: the last CMD that is an instruction of its own, not HEALTHCHECK's."""
    command: list[str] = json.loads(re.findall(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)[-1])
    return command


def _xunge_commands() -> dict[str, list[str]]:
    commands = {"Dockerfile": _dockerfile_command()}
    for name, service in SERVICES.items():
        if service["image"].startswith("xunge:"):
            commands[name] = service["command"]
    return commands


def test_a_bureau_gets_every_service() -> None:
    assert {"db", "redis", "migrate", "backup", "web", "worker", "scheduler", "proxy"} <= set(SERVICES)


def test_services_wait_for_services_that_exist() -> None:
    for name, service in SERVICES.items():
        assert set(service.get("depends_on", {})) <= set(SERVICES), name


def test_no_secret_has_a_default() -> None:
    secrets = [found for found in VARIABLE.finditer(COMPOSE) if SECRET.search(found["name"])]
    assert {found["name"] for found in secrets} >= {"POSTGRES_PASSWORD", "XUNGE_OWNER_PASSWORD"}
    for found in secrets:
        assert found["how"] == ":?", f"{found['name']} must be required"
        assert len(found["rest"].split()) > 3, f"{found['name']} must say in a sentence what to set"


def test_no_secret_is_written_down() -> None:
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            # A file that holds secrets is named openly.
            if SECRET.search(variable) and not variable.endswith("_FILE"):
                assert VARIABLE.fullmatch(str(value)), f"{name}: {variable}"


def test_every_image_is_pinned_by_a_tag() -> None:
    images = {service["image"] for service in SERVICES.values()}
    # "FROM build" would name an earlier stage; all of ours start from a registry's image.
    images |= set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE))
    for image in images:
        assert TAGGED.fullmatch(image), image


def test_only_the_proxy_is_reachable_from_outside() -> None:
    assert [name for name, service in SERVICES.items() if service.get("ports")] == ["proxy"]


def test_nothing_that_keeps_running_signs_in_as_the_owner() -> None:
    owners = {
        name: service["restart"]
        for name, service in SERVICES.items()
        if "XUNGE_OWNER_DATABASE_URL" in service.get("environment", {})
    }
    assert owners == {"migrate": "no", "backup": "no"}


def test_the_image_dumps_with_the_databases_own_version() -> None:
    (client,) = re.findall(r"postgresql-client-(\d+)", DOCKERFILE)
    (server,) = re.findall(r"^postgis/postgis:(\d+)-", SERVICES["db"]["image"])
    assert client == server


def test_a_backup_runs_when_it_is_asked_for_and_before_any_migration() -> None:
    backup = SERVICES["backup"]
    assert backup["profiles"] == ["backup"]
    assert list(backup["depends_on"]) == ["db"]


def test_what_plans_and_what_imports_have_the_same_roads() -> None:
    assert DOCKERFILE.count("uv sync") == DOCKERFILE.count("--extra roads")
    for name in ("web", "worker"):
        folder = SERVICES[name]["environment"]["XUNGE_ROADS_DIR"]
        assert f"roads:{folder}" in SERVICES[name]["volumes"], name
        assert f"install -d -o xunge -g xunge -m 0750 {folder} " in DOCKERFILE


def test_the_image_does_not_run_as_root() -> None:
    assert re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)[-1:] == ["xunge"]


@pytest.mark.parametrize("where", sorted(_xunge_commands()))
def test_commands_are_real(where: str) -> None:
    from server.cli import main

    program, name, *arguments = _xunge_commands()[where]
    assert program == "xunge"
    assert isinstance(main, click.Group)
    command = main.get_command(click.Context(main), name)
    assert command is not None, name
    if isinstance(command, click.Group):
        command = command.get_command(click.Context(command), arguments.pop(0))
        assert command is not None, name
    known = {option for parameter in command.params for option in parameter.opts}
    assert {argument for argument in arguments if argument.startswith("--")} <= known
