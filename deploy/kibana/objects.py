"""Kibana's saved objects: the data view, saved searches and the dashboard, as NDJSON.

    python -m deploy.kibana.objects > jobs.ndjson    # to import by hand: Stack Management

Made by code, because in the file that Kibana imports, a dashboard is a string of JSON inside JSON.
The versions tell Kibana which format to migrate from: 8.8's, which all later versions read.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DATA_VIEW = "jobs-logs"
DASHBOARD = "jobs-overview"
_CORE_VERSION = "8.8.0"
_VERSIONS = {"index-pattern": "8.0.0", "search": "10.5.0", "dashboard": "10.3.0"}
_LAYER = "layer"
_WIDTH = 48
"""Columns of a dashboard."""

Object = dict[str, Any]


@dataclass(frozen=True)
class Search:
    """A saved search: its title, its query and its columns."""

    id: str
    title: str
    query: str
    columns: Sequence[str]
    newest_first: bool = True


SEARCHES = (
    Search(
        "jobs-trace",
        "One trace: add trace.id",
        "trace.id : *",
        ("event.dataset", "event.action", "message", "celery.task.name", "celery.task.id"),
        newest_first=False,
    ),
    Search(
        "jobs-failed",
        "Failed jobs",
        'event.action : "job_finished" and event.outcome : "failure"',
        (
            "celery.task.name",
            "celery.task.id",
            "celery.task.attempt",
            "error.type",
            "error.message",
        ),
    ),
    Search(
        "jobs-dead-letters",
        "Dead letters",
        'event.action : ("dead_letter_taken" or "job_died" or "message_undecodable")',
        ("event.action", "event.reason", "celery.task.name", "celery.task.id"),
    ),
    Search(
        "jobs-errors",
        "Errors of all processes",
        'log.level : ("error" or "critical")',
        ("event.dataset", "event.action", "message", "error.type", "error.message"),
    ),
    Search(
        "jobs-unparsed",
        "Lines that nobody could read",
        "Lines that could not be read",
        ("message", "error.message", "log.file.path"),
    ),
    Search(
        "jobs-rabbitmq",
        "RabbitMQ",
        'event.dataset : "jobs.rabbitmq"',
        ("log.level", "log.logger", "message"),
    ),
)

_FINISHED = 'event.action : "job_finished"'
_MEASURED = 'event.action : "queue_measured"'
_REQUESTS = 'event.action : "http_request"'


def as_ndjson() -> str:
    """Return all objects, one a line; referenced objects come first."""
    return "\n".join(json.dumps(each, sort_keys=True) for each in objects())


def objects() -> Iterator[Object]:
    yield _object(
        "index-pattern",
        DATA_VIEW,
        {"title": "logs-jobs.*-*", "name": "Jobs", "timeFieldName": "@timestamp"},
    )
    for search in SEARCHES:
        yield _search(search)
    yield _dashboard(list(_panels()))


def _panels() -> Iterator[Object]:
    """Yield the panels, row by row."""
    yield _metric("Finished jobs", _FINISHED, _count())
    yield _metric("of them failed", f'{_FINISHED} and event.outcome : "failure"', _count())
    yield _metric("Requests", _REQUESTS, _count())
    yield _metric("of them failed", f'{_REQUESTS} and event.outcome : "failure"', _count())
    yield _over_time("Finished jobs", _FINISHED, _count(), by="event.outcome")
    yield _over_time("Jobs by kind", _FINISHED, _count(), by="celery.task.name")
    yield _over_time("Longest wait in each queue, seconds", _MEASURED, _max("oldest_seconds"))
    yield _over_time("Jobs waiting in each queue", _MEASURED, _max("waiting"))
    yield _over_time("Workers on each queue", _MEASURED, _max("consumers"))
    yield _over_time(
        "Run time of jobs, 95th percentile, ns", _FINISHED, _percentile(), by="celery.task.name"
    )
    yield _over_time("Requests", _REQUESTS, _count(), by="event.outcome")
    yield _over_time(
        "Errors by process", 'log.level : ("error" or "critical")', _count(), by="event.dataset"
    )


# ── Columns of Lens ──────────────────────────────────────────────────────────────────────────────


def _count() -> Object:
    return _measure("count", "Lines", "___records___", {"emptyAsNull": True})


def _max(name: str) -> Object:
    return _measure("max", name, f"celery.queue_{name}", {"emptyAsNull": True})


def _percentile() -> Object:
    return _measure("percentile", "95th percentile", "event.duration", {"percentile": 95})


def _measure(operation: str, label: str, field: str, params: Object) -> Object:
    return {
        "operationType": operation,
        "label": label,
        "customLabel": True,
        "sourceField": field,
        "dataType": "number",
        "isBucketed": False,
        "scale": "ratio",
        "params": params,
    }


def _time() -> Object:
    return {
        "operationType": "date_histogram",
        "label": "@timestamp",
        "sourceField": "@timestamp",
        "dataType": "date",
        "isBucketed": True,
        "scale": "interval",
        "params": {"interval": "auto", "includeEmptyRows": True, "dropPartials": False},
    }


def _terms(field: str) -> Object:
    return {
        "operationType": "terms",
        "label": field,
        "sourceField": field,
        "dataType": "string",
        "isBucketed": True,
        "scale": "ordinal",
        "params": {
            "size": 10,
            "orderBy": {"type": "alphabetical", "fallback": True},
            "orderDirection": "asc",
            "otherBucket": True,
            "missingBucket": False,
            "parentFormat": {"id": "terms"},
        },
    }


# ── Panels ───────────────────────────────────────────────────────────────────────────────────────


def _metric(title: str, query: str, measure: Object) -> Object:
    shown = {"layerId": _LAYER, "layerType": "data", "metricAccessor": "measure"}
    return _lens("lnsMetric", title, query, {"measure": measure}, shown, size=(_WIDTH // 4, 6))


def _over_time(title: str, query: str, measure: Object, by: str = "celery.queue") -> Object:
    is_level = measure["operationType"] != "count"
    series = "line" if is_level else "bar_stacked"
    layer = {
        "layerId": _LAYER,
        "layerType": "data",
        "seriesType": series,
        "xAccessor": "time",
        "splitAccessor": "by",
        "accessors": ["measure"],
    }
    shown = {
        "preferredSeriesType": series,
        "legend": {"isVisible": True, "position": "right"},
        "valueLabels": "hide",
        "layers": [layer],
    }
    columns = {"by": _terms(by), "time": _time(), "measure": measure}
    return _lens("lnsXY", title, query, columns, shown, size=(_WIDTH // 2, 12))


def _lens(
    kind: str,
    title: str,
    query: str,
    columns: Mapping[str, Object],
    shown: Object,
    *,
    size: tuple[int, int],
) -> Object:
    layer = {"columns": columns, "columnOrder": list(columns), "incompleteColumns": {}}
    return {
        "type": "lens",
        "title": title,
        "gridData": {"w": size[0], "h": size[1]},
        "embeddableConfig": {
            "attributes": {
                "title": title,
                "visualizationType": kind,
                "references": [_to_data_view(f"indexpattern-datasource-layer-{_LAYER}")],
                "state": {
                    "datasourceStates": {"formBased": {"layers": {_LAYER: layer}}},
                    "visualization": shown,
                    "query": {"query": query, "language": "kuery"},
                    "filters": [],
                    "internalReferences": [],
                    "adHocDataViews": {},
                },
            }
        },
    }


def _placed(panels: Sequence[Object]) -> Iterator[Object]:
    """Place the panels from left to right, with a new row when a row is full."""
    x = y = 0
    for number, panel in enumerate(panels):
        grid = panel["gridData"]
        if x + grid["w"] > _WIDTH:
            x, y = 0, y + panels[number - 1]["gridData"]["h"]
        name = f"panel-{number}"
        yield {**panel, "panelIndex": name, "gridData": {**grid, "x": x, "y": y, "i": name}}
        x += grid["w"]


# ── Saved objects ────────────────────────────────────────────────────────────────────────────────


def _search(search: Search) -> Object:
    name = "kibanaSavedObjectMeta.searchSourceJSON.index"
    source = {
        "query": {"query": search.query, "language": "kuery"},
        "filter": [],
        "indexRefName": name,
    }
    attributes = {
        "title": search.title,
        "columns": list(search.columns),
        "sort": [["@timestamp", "desc" if search.newest_first else "asc"]],
        "grid": {},
        "hideChart": False,
        "isTextBasedQuery": False,
        "timeRestore": False,
        "kibanaSavedObjectMeta": {"searchSourceJSON": json.dumps(source)},
    }
    return _object("search", search.id, attributes, [_to_data_view(name)])


def _dashboard(panels: Sequence[Object]) -> Object:
    placed = list(_placed(panels))
    source = {"query": {"query": "", "language": "kuery"}, "filter": []}
    attributes = {
        "title": "Jobs",
        "description": "Jobs, queues, requests and errors",
        "panelsJSON": json.dumps(placed),
        "optionsJSON": json.dumps({"useMargins": True, "hidePanelTitles": False}),
        "timeRestore": True,
        "timeFrom": "now-24h",
        "timeTo": "now",
        "refreshInterval": {"pause": False, "value": 60_000},
        "kibanaSavedObjectMeta": {"searchSourceJSON": json.dumps(source)},
    }
    references = [
        _to_data_view(f"{panel['panelIndex']}:indexpattern-datasource-layer-{_LAYER}")
        for panel in placed
    ]
    return _object("dashboard", DASHBOARD, attributes, references)


def _to_data_view(name: str) -> Object:
    return {"type": "index-pattern", "id": DATA_VIEW, "name": name}


def _object(kind: str, id_: str, attributes: Object, references: Sequence[Object] = ()) -> Object:
    return {
        "type": kind,
        "id": id_,
        "attributes": attributes,
        "references": list(references),
        "coreMigrationVersion": _CORE_VERSION,
        "typeMigrationVersion": _VERSIONS[kind],
    }


def main() -> None:
    sys.stdout.write(as_ndjson() + "\n")


if __name__ == "__main__":
    main()
