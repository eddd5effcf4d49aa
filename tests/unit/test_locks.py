"""The locks hold what setup.cfg declares, and agree with each other."""

import configparser
import re
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = ROOT / "deploy/requirements"
ALL = "requirements.txt"
DEV = "deploy/requirements/dev.txt"
TESTS = "tests/requirements.txt"
PRODUCTION = {"tables", "ml", "reports", "crawl", "images", "flower", "s3", "otel"}

Pin = tuple[str, str]


@cache
def declared() -> dict[str, list[Requirement]]:
    """The requirements of setup.cfg: of the engine, and of each extra by its name."""
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg")
    lists = {"engine": config["options"]["install_requires"]}
    lists |= config["options.extras_require"]
    return {
        name: [Requirement(line) for line in text.splitlines() if line and line[0] != "#"]
        for name, text in lists.items()
    }


@cache
def pins(path: str) -> dict[Pin, frozenset[str]]:
    """The hashes of each package and version of a lock."""
    found: dict[Pin, frozenset[str]] = {}
    for entry in re.split(r"\n(?=\S)", (ROOT / path).read_text()):
        if pin := re.match(r"([\w.-]+)==([\w.!+]+)", entry):
            found[pin[1], pin[2]] = frozenset(re.findall(r"--hash=(sha256:[0-9a-f]{64})", entry))
    return found


def lock_of(name: str) -> str:
    return f"deploy/requirements/{name}.txt"


def test_each_list_of_setup_cfg_has_its_lock_and_no_lock_is_left_over() -> None:
    assert declared().keys() == {"engine", "dev", "test", *PRODUCTION}
    assert {path.stem for path in LOCKS.iterdir()} == {"engine", "dev", *PRODUCTION}


@pytest.mark.parametrize("name", sorted({"engine", "dev", *PRODUCTION}))
def test_lock_holds_what_is_declared_in_a_version_that_is_allowed(name: str) -> None:
    locked = pins(lock_of(name))

    for wanted in declared()[name]:
        versions = [v for package, v in locked if package == canonicalize_name(wanted.name)]
        assert versions, wanted
        assert all(wanted.specifier.contains(version) for version in versions), wanted


@pytest.mark.parametrize("name", sorted({"engine", *PRODUCTION}))
def test_part_has_the_versions_of_the_whole(name: str) -> None:
    """So an extra can be installed on top of the engine, and is what was tested."""
    whole = pins(ALL)

    assert pins(lock_of(name)).items() <= whole.items()


def test_whole_is_the_sum_of_its_parts() -> None:
    parts = [pins(lock_of(name)) for name in ("engine", *PRODUCTION)]

    assert set().union(*parts) == set(pins(ALL))


@pytest.mark.parametrize("path", [ALL, DEV])
def test_tools_are_tested_with_the_versions_that_are_installed(path: str) -> None:
    assert pins(path).items() <= pins(TESTS).items()


def test_production_holds_nothing_of_development() -> None:
    packages = {package for package, _ in pins(ALL)}

    assert not packages & {canonicalize_name(one.name) for one in declared()["dev"]}


def test_package_has_one_range_wherever_it_is_declared() -> None:
    ranges: dict[str, set[str]] = {}
    for requirement in (one for many in declared().values() for one in many):
        ranges.setdefault(requirement.name, set()).add(str(requirement.specifier))

    assert {name: found for name, found in ranges.items() if len(found) > 1} == {}
    assert all(hashes for hashes in pins(TESTS).values())
