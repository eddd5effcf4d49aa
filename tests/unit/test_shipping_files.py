"""The files of Filebeat, Logstash, Elasticsearch, Kibana and logrotate, as far as they can be read.

None of these programs is run here: what the files share with each other, with the code and with the
Elastic Common Schema is compared.
"""

import csv
import json
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.elasticsearch import check, setup
from deploy.elasticsearch.credentials import ELASTIC_UID, OUR_UID
from deploy.kibana import objects
from project.config import Settings
from project.observability.ecs import ECS_VERSION, FIELDS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
FILEBEAT = yaml.safe_load((DEPLOY / "filebeat/filebeat.yml").read_text())
LOGSTASH = (DEPLOY / "logstash/jobs.conf").read_text()
RSYSLOG = (DEPLOY / "rsyslog/jobs.conf").read_text()
TEMPLATE = json.loads((DEPLOY / "elasticsearch/index_templates/logs-jobs.json").read_text())
MAPPINGS = json.loads(
    (DEPLOY / "elasticsearch/component_templates/jobs@mappings.json").read_text()
)["template"]["mappings"]
ALERTS = {path.stem: json.loads(path.read_text()) for path in (DEPLOY / "kibana/alerts").iterdir()}

STREAMS = setup.list_streams(Settings(queues="short; long; gpu-2"))

ELK = {name: service for name, service in SERVICES.items() if "profiles" in service}
ELASTICS = {name: service for name, service in ELK.items() if "elastic.co" in service["image"]}

# What ecs@mappings of Elasticsearch 9.5 makes of a field that nothing else names, in its order: the
# ends of a path, or the whole of it. What is in none of them becomes a keyword, a number a long.
GUESSES = (
    ("match_only_text", ("message", "*.message")),
    ("ip", ("ip", "*.ip", "*_ip")),
    ("wildcard", ("*.io.text", "*.message_id", "*url.path", "*stack_trace", "*command_line")),
    ("wildcard", ("*.body.content", "*url.full", "*url.original")),
    ("date", ("@timestamp", "*.timestamp", "*_timestamp", "*.created", "*.start", "*.end")),
    ("date", ("*.accessed", "*.installed", "*.ctime", "*.mtime", "*.ingested")),
    ("float", ("*.score.*", "*_score*")),
    ("scaled_float", ("*.usage",)),
    ("geo_point", ("location", "*.location")),
    ("flattened", ("*structured_data", "*exports", "*imports")),
)

CURRENT = ("web.host.jsonl", "worker-short.a.host.jsonl", "rabbitmq.host.jsonl")
ROTATED = (
    "web.host.jsonl.20261125T022035.123456Z",
    "web.host.jsonl.1",
    "rabbitmq.host.jsonl.0",
)


@pytest.fixture(scope="module")
def ecs() -> dict[str, str]:
    """ECS's own fields and their types."""
    with (ROOT / f"tests/ecs-{ECS_VERSION}.csv").open() as file:
        return {row["field"]: row["type"] for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def ours() -> dict[str, str]:
    """The fields that our template types."""
    return dict(flat(MAPPINGS["properties"]))


def flat(properties: dict[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for name, field in properties.items():
        if "properties" in field:
            yield from flat(field["properties"], f"{above}{name}.")
        else:
            yield above + name, field["type"]


def guessed(field: str, type_: str) -> str:
    """The type that ecs@mappings gives to a value of that type."""
    for guess, patterns in GUESSES:
        if any(fnmatch(field, pattern) for pattern in patterns):
            return guess
    return "long" if type_ == "long" else "double" if type_ == "double" else "keyword"


# ── Elasticsearch ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", FIELDS)
def test_each_field_of_ours_is_typed_as_it_is_meant(
    name: str, ours: dict[str, str], ecs: dict[str, str]
) -> None:
    field = FIELDS[name]
    path = ".".join(field.path)

    assert (path in ecs) is not field.is_ours
    if field.is_ours:
        assert path in ours, "a field that ECS does not know must be in the template"
    else:
        assert ecs[path] == field.type
    assert ours.get(path, guessed(path, field.type)) == field.type


def test_template_types_no_field_against_the_schema(
    ours: dict[str, str], ecs: dict[str, str]
) -> None:
    known = {".".join(field.path): field.type for field in FIELDS.values()}

    for path, type_ in ours.items():
        assert type_ == ecs.get(path, known.get(path)), path


def test_number_of_a_wrong_type_is_refused() -> None:
    """logs@settings would leave it out in silence."""

    def check_all(properties: dict[str, Any]) -> None:
        for field in properties.values():
            check_all(field.get("properties", {}))
            if field.get("type") in {"long", "double"}:
                assert field["ignore_malformed"] is False

    check_all(MAPPINGS["properties"])


def test_label_is_a_keyword_whatever_it_is_called() -> None:
    (template,) = [template["jobs_labels"] for template in MAPPINGS["dynamic_templates"]]
    order = TEMPLATE["composed_of"]

    assert template["path_match"] == "labels.*"
    assert template["mapping"]["type"] == "keyword"
    assert order.index("jobs@mappings") < order.index("ecs@mappings"), "the first that fits"


def test_template_is_for_our_streams_and_composed_of_what_is_there() -> None:
    files = {path.stem for path in (DEPLOY / "elasticsearch/component_templates").iterdir()}
    built_in = {"logs@mappings", "logs@settings", "ecs@mappings"}

    assert set(TEMPLATE["composed_of"]) == files | built_in
    assert TEMPLATE["data_stream"] == {}
    assert TEMPLATE["priority"] > 100, "above the built-in template of logs-*-*"
    (pattern,) = TEMPLATE["index_patterns"]
    assert all(fnmatch(stream, pattern) for stream in STREAMS)


def test_lines_are_deleted_and_refused_ones_kept() -> None:
    template = TEMPLATE["template"]

    assert template["lifecycle"]["data_retention"] == "30d"
    assert template["settings"]["index.lifecycle.prefer_ilm"] is False
    assert template["data_stream_options"]["failure_store"]["enabled"] is True


def test_pipelines_that_are_named_exist() -> None:
    pipelines = {path.stem for path in (DEPLOY / "elasticsearch/pipelines").iterdir()}
    texts = [path.read_text() for path in (DEPLOY / "elasticsearch/pipelines").iterdir()]
    named = {name for text in texts for name in re.findall(r'"name": "(jobs@\w+)"', text)}

    assert TEMPLATE["template"]["settings"]["index.default_pipeline"] in pipelines
    assert named <= pipelines


def test_line_that_the_pipeline_cannot_read_goes_where_alerts_look() -> None:
    path = DEPLOY / "elasticsearch/pipelines/jobs@rabbitmq.json"
    (target,) = {
        step["set"]["value"]
        for step in json.loads(path.read_text())["on_failure"]
        if step.get("set", {}).get("field") == "_index"
    }

    assert target in STREAMS
    assert any(fnmatch(target, index) for index in ALERTS["unparseable_lines"]["params"]["index"])


def test_writer_may_add_lines_to_our_streams_and_nothing_else() -> None:
    role = json.loads((DEPLOY / "elasticsearch/security/jobs_writer.json").read_text())
    (indices,) = role["indices"]

    assert role["cluster"] == ["monitor"]
    assert indices["names"] == TEMPLATE["index_patterns"]
    assert set(indices["privileges"]) == {"auto_configure", "create_doc"}


def test_every_role_has_its_stream() -> None:
    roles = {
        service["environment"]["JOBS_ROLE"]
        for service in SERVICES.values()
        if "JOBS_ROLE" in service.get("environment", {})
    }

    workers = {"worker-short", "worker-long", "worker-gpu-2"}
    assert {f"logs-jobs.{role}-default" for role in roles | workers} <= set(STREAMS)


def test_version_of_the_schema_is_the_codes() -> None:
    pipeline = (DEPLOY / "elasticsearch/pipelines/jobs@rabbitmq.json").read_text()

    assert f'"field": "ecs.version", "value": "{ECS_VERSION}"' in pipeline
    assert rf"\"ecs.version\":\"{ECS_VERSION}\"" in RSYSLOG


# ── Filebeat and Logstash ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", [*CURRENT, *ROTATED])
def test_each_file_is_read_by_one_input_rotated_or_not(name: str) -> None:
    readers = [i["id"] for i in FILEBEAT["filebeat.inputs"] if reads(i, f"/logs/{name}")]

    assert readers == ["jobs-rabbitmq" if name.startswith("rabbitmq") else "jobs-json"]


@pytest.mark.parametrize("name", ["web.host.jsonl.2.gz", "rabbitmq.host.jsonl.1.gz", ".gitkeep"])
def test_no_input_reads_what_holds_no_lines(name: str) -> None:
    assert not [i["id"] for i in FILEBEAT["filebeat.inputs"] if reads(i, f"/logs/{name}")]


def reads(given: dict[str, Any], path: str) -> bool:
    excluded = given["prospector.scanner"]["exclude_files"]
    return any(fnmatch(path, glob) for glob in given["paths"]) and not any(
        re.search(pattern, path) for pattern in excluded
    )


def test_each_input_ends_with_an_id_of_the_line() -> None:
    for given in FILEBEAT["filebeat.inputs"]:
        (fingerprint,) = [p["fingerprint"] for p in given["processors"] if "fingerprint" in p]
        assert fingerprint["target_field"] == "@metadata._id"
    parser = FILEBEAT["filebeat.inputs"][0]["parsers"][-1]
    assert parser["ndjson"]["document_id"] == "event.id"


def test_renamed_file_is_read_to_its_end() -> None:
    for given in FILEBEAT["filebeat.inputs"]:
        assert given["file_identity.fingerprint"] == {"growing": True}
        assert given["close.on_state_change"]["renamed"] is False
        assert given["close.on_state_change"]["removed"] is False
        assert given["clean_removed"] is False


def test_no_line_goes_to_a_stream_that_its_writer_may_not_write() -> None:
    output = FILEBEAT["output.elasticsearch"]
    targets = [*(rule["index"] for rule in output["indices"]), output["index"]]
    (pattern,) = [
        r["when.regexp"]["event.dataset"] for r in output["indices"] if "when.regexp" in r
    ]

    assert output["index"] in STREAMS
    assert {t for t in targets if "%" not in t} == {output["index"]}
    assert "logs-%{[event.dataset]}-default" in targets
    assert all(re.search(pattern, s[5:-8]) for s in STREAMS)
    assert not re.search(pattern, "jobs.web-default,other")
    assert f"/{pattern}/" in LOGSTASH
    assert pattern.replace("[a-z0-9-]+", "[a-z0-9-]{1,50}").replace("\\", "\\\\") in RSYSLOG


def test_logstash_keeps_id_and_stream() -> None:
    for line in (
        'document_id => "%{[@metadata][_id]}"',
        'action => "create"',
        "data_stream => false",
        "manage_template => false",
        '"logs-%{[event][dataset]}-default"',
        f'"{FILEBEAT["output.elasticsearch"]["index"]}"',
    ):
        assert line in LOGSTASH


def test_every_shipper_writes_as_the_writer() -> None:
    assert FILEBEAT["output.elasticsearch"]["username"] == "jobs_writer"
    assert 'user => "jobs_writer"' in LOGSTASH


def test_filebeat_makes_no_templates_of_its_own() -> None:
    assert FILEBEAT["setup.template.enabled"] is False
    assert FILEBEAT["setup.ilm.enabled"] is False


# ── Kibana ───────────────────────────────────────────────────────────────────────────────────────


def test_objects_refer_to_each_other_only() -> None:
    made = [json.loads(line) for line in objects.as_ndjson().splitlines()]
    ids = {(each["type"], each["id"]) for each in made}

    assert len(ids) == len(made)
    for each in made:
        assert {(r["type"], r["id"]) for r in each["references"]} <= ids


def test_panels_fill_their_rows_and_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        grid = panel["gridData"]
        cells = {
            (x, y)
            for x in range(grid["x"], grid["x"] + grid["w"])
            for y in range(grid["y"], grid["y"] + grid["h"])
        }
        assert grid["x"] + grid["w"] <= 48
        assert not cells & taken
        taken |= cells


def test_every_panel_finds_its_data_view_and_columns() -> None:
    (dashboard,) = [each for each in objects.objects() if each["type"] == "dashboard"]
    outer = {reference["name"] for reference in dashboard["references"]}
    for panel in panels():
        attributes = panel["embeddableConfig"]["attributes"]
        ((layer_id, layer),) = attributes["state"]["datasourceStates"]["formBased"][
            "layers"
        ].items()
        name = f"indexpattern-datasource-layer-{layer_id}"
        assert [reference["name"] for reference in attributes["references"]] == [name]
        assert f"{panel['panelIndex']}:{name}" in outer
        assert layer["columnOrder"] == list(layer["columns"])
        assert columns_shown(attributes["state"]["visualization"]) <= set(layer["columns"])


def columns_shown(shown: dict[str, Any]) -> set[str]:
    layers = shown.get("layers", [shown])
    keys = ("metricAccessor", "xAccessor", "splitAccessor")
    named = {layer[key] for layer in layers for key in keys if key in layer}
    return named | {each for layer in layers for each in layer.get("accessors", [])}


def panels() -> list[dict[str, Any]]:
    (dashboard,) = [each for each in objects.objects() if each["type"] == "dashboard"]
    placed: list[dict[str, Any]] = json.loads(dashboard["attributes"]["panelsJSON"])
    return placed


def test_every_field_that_is_looked_for_exists(ecs: dict[str, str], ours: dict[str, str]) -> None:
    known = {*ecs, *ours, *(".".join(field.path) for field in FIELDS.values()), "___records___"}
    asked = set(fields_asked())

    assert asked - known == set()
    assert "celery.queue_oldest_seconds" in asked


def test_every_event_that_is_looked_for_is_logged() -> None:
    asked = set(actions_asked()) | set(check.WANTED)

    assert asked - actions_logged() == set()


def fields_asked() -> Iterator[str]:
    for search in objects.SEARCHES:
        yield from search.columns
        yield from re.findall(r"([\w.]+) :", search.query)
    for panel in panels():
        state = panel["embeddableConfig"]["attributes"]["state"]
        yield from re.findall(r"([\w.]+) :", state["query"]["query"])
        for layer in state["datasourceStates"]["formBased"]["layers"].values():
            yield from (column["sourceField"] for column in layer["columns"].values())
    for alert in ALERTS.values():
        yield from alert_fields(alert["params"])


def alert_fields(params: dict[str, Any]) -> Iterator[str]:
    yield params["timeField"]
    yield from (params[key] for key in ("termField", "aggField") if key in params)
    for condition in conditions(params):
        yield from (
            name for kind, named in condition.items() if kind != "match_all" for name in named
        )
    yield from re.findall(r"(?<![\"\w])(\w+\.[\w.]+)", params.get("esqlQuery", {}).get("esql", ""))


def conditions(params: dict[str, Any]) -> list[dict[str, Any]]:
    query = json.loads(params.get("esQuery", '{"query":{"bool":{"filter":[]}}}'))
    found: list[dict[str, Any]] = query["query"]["bool"]["filter"]
    return found


def actions_asked() -> Iterator[str]:
    texts = [search.query for search in objects.SEARCHES]
    texts += [p["embeddableConfig"]["attributes"]["state"]["query"]["query"] for p in panels()]
    for text in texts:
        for values in re.findall(r"event\.action : (\(.*?\)|\"\w+\")", text):
            yield from re.findall(r'"(\w+)"', values)
    for alert in ALERTS.values():
        esql = alert["params"].get("esqlQuery", {}).get("esql", "")
        for values in re.findall(r"event\.action IN \((.*?)\)", esql):
            yield from re.findall(r'"(\w+)"', values)
        for condition in conditions(alert["params"]):
            for values in (condition.get(kind, {}).get("event.action", []) for kind in condition):
                yield from [values] if isinstance(values, str) else values


def actions_logged() -> set[str]:
    """The events in the table that is held against the code."""
    return set(re.findall(r"^\| `(\w+)` \|", (ROOT / "logs/README.md").read_text(), re.MULTILINE))


# ── Alerts ───────────────────────────────────────────────────────────────────────────────────────


def test_alerts_are_told_by_a_connector_that_is_configured() -> None:
    kibana = yaml.safe_load((DEPLOY / "kibana/kibana.yml").read_text())
    connectors = kibana["xpack.actions.preconfigured"]

    assert {c["actionTypeId"] for c in connectors.values()} <= {".server-log", ".index"}, "basic"
    for alert in ALERTS.values():
        assert {action["id"] for action in alert["actions"]} <= connectors.keys()


def test_each_alert_has_an_id_of_its_own() -> None:
    ids = [alert["id"] for alert in ALERTS.values()]

    assert len(set(ids)) == len(ALERTS) == 5
    uuid4 = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    assert all(re.fullmatch(uuid4, id_) for id_ in ids)


@pytest.mark.parametrize("name", ALERTS)
def test_alert_asks_in_a_form_that_its_rule_takes(name: str) -> None:
    """What x-pack's rule type `.es-query` checks of its parameters, as far as ours use them."""
    alert = ALERTS[name]
    params = alert["params"]

    assert alert["rule_type_id"] == ".es-query"
    assert params["timeWindowUnit"] == "m"
    assert isinstance(params["timeWindowSize"], int)
    if params["searchType"] == "esqlQuery":
        assert (params["thresholdComparator"], params["threshold"]) == (">", [0])
        assert not params.keys() & {"index", "esQuery", "searchConfiguration"}
    else:
        assert json.loads(params["esQuery"]).keys() == {"query"}
        assert (params["groupBy"] == "top") is ("termField" in params) is ("termSize" in params)
        assert (params["aggType"] == "count") is ("aggField" not in params)


def test_alert_looks_at_streams_that_exist() -> None:
    for name, alert in ALERTS.items():
        for index in alert["params"].get("index", []):
            pattern = index.removesuffix("::failures")
            assert [stream for stream in STREAMS if fnmatch(stream, pattern)], name


# ── Compose ──────────────────────────────────────────────────────────────────────────────────────


def test_nothing_of_the_log_store_starts_without_a_profile() -> None:
    assert set(ELASTICS) == {
        *("elasticsearch", "kibana", "filebeat", "filebeat-to-logstash", "logstash")
    }
    others = [service for name, service in SERVICES.items() if name not in ELK]
    assert not [s for s in others if set(s.get("depends_on", {})) & ELK.keys()]


def test_all_parts_have_one_version() -> None:
    tags = {service["image"].partition(":")[2] for service in ELASTICS.values()}

    assert tags == {"${JOBS_ELASTIC_VERSION:-9.5.1}"}
    assert all(s["image"].startswith("docker.elastic.co/") for s in ELASTICS.values())


@pytest.mark.parametrize("name", ELK)
def test_part_is_confined_as_the_other_services(name: str) -> None:
    service = ELK[name]

    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"]["options"]["max-size"]
    assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", []))
    if name in ELASTICS:
        assert service["mem_limit"]
        assert service["healthcheck"]["test"]


def test_no_secret_is_in_a_file_or_a_variable() -> None:
    files = ["docker-compose.yml", *(str(path) for path in DEPLOY.rglob("*") if path.is_file())]
    for service in ELK.values():
        assert not [n for n in service.get("environment", {}) if n.endswith(("PASSWORD", "KEY"))]
    for path in (ROOT / file for file in files if "__pycache__" not in file):
        assert "BEGIN PRIVATE KEY" not in path.read_text(errors="ignore"), path


def test_each_part_sees_its_own_secrets_only() -> None:
    allowed = {
        "elasticsearch": {"elk-elasticsearch"},
        "kibana": {"elk-kibana"},
        "filebeat": {"elk-filebeat"},
        "filebeat-to-logstash": {"elk-filebeat"},
        "logstash": {"elk-logstash"},
        "elk-setup-elasticsearch": {"elk-setup"},
        "elk-setup-kibana": {"elk-setup"},
    }
    for name, service in SERVICES.items():
        seen = {v.partition(":")[0] for v in service.get("volumes", []) if v.startswith("elk-")}
        if name != "elk-secrets":
            assert seen == allowed.get(name, set()), name
            assert all(":ro" in v for v in service.get("volumes", []) if v.startswith("elk-"))


def test_parts_speak_tls_with_each_other() -> None:
    kibana = yaml.safe_load((DEPLOY / "kibana/kibana.yml").read_text())
    server = yaml.safe_load((DEPLOY / "elasticsearch/elasticsearch.yml").read_text())
    hosts = FILEBEAT["output.elasticsearch"]["hosts"] + kibana["elasticsearch.hosts"]

    assert server["xpack.security.enabled"] is True
    assert server["xpack.security.http.ssl"]["enabled"] is True
    assert server["xpack.security.transport.ssl"]["enabled"] is True
    assert kibana["server.ssl"]["enabled"] is True
    assert set(hosts) == {"https://elasticsearch:9200"}
    assert 'hosts => ["https://elasticsearch:9200"]' in LOGSTASH
    assert 'ssl_client_authentication => "required"' in LOGSTASH
    assert FILEBEAT["output.logstash"]["ssl.certificate"] == "/secrets/filebeat.pem"
    for service in ("elk-setup-elasticsearch", "elk-setup-kibana"):
        assert [a for a in SERVICES[service]["command"] if a.startswith("https://")]


def test_files_that_are_mounted_or_run_exist() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert not source.startswith("./") or (ROOT / source).exists(), source
    for name in ("elk-secrets", "elk-setup-elasticsearch", "elk-setup-kibana"):
        module = SERVICES[name]["command"][2]
        assert (ROOT / f"{module.replace('.', '/')}.py").exists()


def test_users_of_the_files_are_those_of_the_images() -> None:
    assert f"useradd --uid {OUR_UID}" in (ROOT / "Dockerfile").read_text()
    assert ELASTIC_UID == 1000
    assert SERVICES["rabbitmq"]["group_add"] == [str(OUR_UID)], "it writes into ./logs too"


def test_filebeat_writes_to_one_output() -> None:
    for name, to_logstash in (("filebeat", "false"), ("filebeat-to-logstash", "true")):
        told = SERVICES[name]["environment"]
        assert told["TO_LOGSTASH"] == to_logstash != told["TO_ELASTICSEARCH"]
    assert FILEBEAT["output.elasticsearch"]["enabled"] == "${TO_ELASTICSEARCH:true}"
    assert FILEBEAT["output.logstash"]["enabled"] == "${TO_LOGSTASH:false}"


def test_no_line_can_come_before_the_templates() -> None:
    """Its stream would be made from Elasticsearch's own, and stay so."""
    ready = {"elk-setup-elasticsearch": {"condition": "service_completed_successfully"}}

    assert SERVICES["filebeat"]["depends_on"] == ready
    assert SERVICES["logstash"]["depends_on"] == ready
    assert set(SERVICES["filebeat-to-logstash"]["depends_on"]) == {"logstash"}


def test_rabbitmqs_file_is_named_as_the_shippers_expect() -> None:
    text = (DEPLOY / "compose/rabbitmq.conf").read_text()
    host = SERVICES["rabbitmq"]["hostname"]

    assert f"log.file = /logs/rabbitmq.{host}.jsonl" in text
    assert "./logs:/logs" in SERVICES["rabbitmq"]["volumes"]


# ── logrotate ────────────────────────────────────────────────────────────────────────────────────


def test_logrotate_renames_and_does_not_rotate_twice() -> None:
    text = "\n".join(
        line for line in (DEPLOY / "logrotate/jobs").read_text().splitlines() if line[:1] != "#"
    )
    glob = text.split()[0].rpartition("/")[2]

    assert {"nocopytruncate", "nocreate", "delaycompress"} <= set(text.split())
    assert not {"copytruncate", "create", "postrotate"} & set(text.split())
    assert all(fnmatch(name, glob) for name in CURRENT)
    assert not [name for name in ROTATED if fnmatch(name, glob)]
