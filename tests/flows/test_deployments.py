"""prefect.yaml, read strictly: Prefect drops a key that it does not know, and a nightly test with it, silently."""

import ast
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from ruamel.yaml import YAML

from flows import QUIET

ROOT = Path(__file__).parents[2]
DIRECTORY = "prefect.deployments.steps.set_working_directory"
Entrypoint = Annotated[str, StringConstraints(pattern=r"^flows/[a-z_]+\.py:[a-z_]+$")]
Cron = Annotated[str, StringConstraints(pattern=r"^\d{1,2} \d{1,2} \* \* \*$")]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SetWorkingDirectory(Strict):
    directory: str


class PullStep(Strict):
    set_working_directory: SetWorkingDirectory = Field(alias=DIRECTORY)


class Schedule(Strict):
    slug: str
    cron: Cron
    timezone: Literal["UTC"]


class Limit(Strict):
    limit: Literal[1]
    collision_strategy: Literal["CANCEL_NEW"]


class JobVariables(Strict):
    env: dict[str, str]


class Pool(Strict):
    name: str
    job_variables: JobVariables


class Deployment(Strict):
    name: str
    description: str
    entrypoint: Entrypoint
    tags: list[str]
    parameters: dict[str, Any]
    schedules: list[Schedule] = Field(min_length=1)
    concurrency_limit: Limit
    work_pool: Pool


class Project(Strict):
    """The whole file; what stands under `definitions` is read where it is used."""

    name: str
    pull: list[PullStep]
    definitions: dict[str, Any]
    deployments: list[Deployment]


def raw() -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(ROOT / "prefect.yaml")
    return found


@pytest.fixture
def project() -> Project:
    return Project.model_validate(raw())


def test_every_key_is_one_that_prefect_knows(project: Project) -> None:
    nightly = {one.entrypoint: [schedule.cron for schedule in one.schedules] for one in project.deployments}
    assert nightly == {
        "flows/backup.py:backup": ["15 1 * * *"],
        "flows/restore_test.py:restore_test": ["15 2 * * *"],
    }


def test_the_file_names_no_machine(project: Project) -> None:
    assert [step.set_working_directory.directory for step in project.pull] == ["{{ $FIREDRILL_HOME }}"]


def test_workers_are_quiet_too(project: Project) -> None:
    for one in project.deployments:
        assert one.work_pool.job_variables.env.items() >= QUIET.items()


def test_parameters_are_those_of_the_flow(project: Project) -> None:
    for one in project.deployments:
        file, _, name = one.entrypoint.partition(":")
        (flow,) = [
            node
            for node in ast.parse((ROOT / file).read_text()).body
            if isinstance(node, ast.FunctionDef) and node.name == name
        ]
        assert list(one.parameters) == [argument.arg for argument in flow.args.args]


@pytest.mark.parametrize(
    ("key", "typo"),
    [
        ("parameters", "parametrs"),
        ("schedules", "schedule"),
        ("concurrency_limit", "concurency_limit"),
        ("work_pool", "workpool"),
    ],
)
def test_a_typo_is_found(key: str, typo: str) -> None:
    wrong = raw()
    wrong["deployments"][0][typo] = wrong["deployments"][0].pop(key)
    with pytest.raises(ValidationError, match=typo):
        Project.model_validate(wrong)
