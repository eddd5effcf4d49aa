"""The head of the report: what was measured on, and how."""

from bench.report.figures import Figures
from bench.systems.catalog import SYSTEMS


def head(figures: Figures) -> list[str]:
    """Return the paragraphs on the machine, the versions and the date."""
    raw, machine = figures.raw, figures.raw["machine"]
    most = max((entry["round"] + 1 for entry in raw["figures"]), default=1)
    rounds = f"up to {most} rounds" if most > 1 else "1 round"
    quick = " This was a quick run: use it only for development." if raw["is_quick"] else ""
    return [
        f"{raw['began_at'][:10]}; {machine['cores']} cores ({machine['processor']}), "
        f"{machine['memory_gib']} GiB, {machine['system']}, Python {machine['python']}; RabbitMQ "
        f"{machine['rabbitmq']}, Redis {machine['redis']}, the same two servers for all, with our "
        "durability settings. Everything runs on this one machine, including the clients.",
        "",
        f"Medians of {rounds}, in which the systems took turns; ± is the largest distance of a "
        f"round from the median.{quick} Trust ratios, not rates: your machine is different. If "
        "other programs ran at the same time, trust CPU time more: it shows how much the same "
        "machine could do. A job does nothing, and its result is stored. "
        "`python -m bench.systems --report` makes this page from [the raw figures](systems.json).",
        "",
    ]


def systems_list(figures: Figures) -> list[str]:
    """Return each configuration, with the versions of its environment."""
    environments = figures.raw["machine"]["environments"]
    ours = figures.raw["machine"]["ours"]
    measured = {entry["system"] for entry in figures.raw["figures"]}
    lines = []
    for name, system in SYSTEMS.items():
        if name in measured:
            versions = environments.get(system.environment, {}) or ours
            shown = ", ".join(f"{package} {version}" for package, version in versions.items())
            lines.append(f"- **{figures.title(name)}**: {system.configuration} ({shown}).")
    return [*lines, ""]
