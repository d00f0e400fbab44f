"""Documents of other systems as jobs: their bytes are kept, and they run, or fail with a reason
a person can act on."""

import base64
import json
import pathlib

import pytest

from harness import ROOT, feature, job, plugin, role, taskset

FOLDER = pathlib.Path(ROOT / "tests/data/seed-inputs")
DOCUMENTS = sorted(FOLDER.glob("*.json"))


def object_bytes(path):
    """The file's JSON object with a kind in front, otherwise byte for byte."""
    text = path.read_bytes().strip()
    return b'{"kind": "Foreign",' + text[1:]


def body_of(document):
    return (b'{"userID": "ann", "jobName": "foreign", "jobKind": "Foreign", "job": ' + document + b"}")


def is_json(text):
    try:
        json.loads(text)
        return True
    except ValueError:
        return False


def test_the_inputs_are_there():
    assert len(DOCUMENTS) == 4 and (FOLDER / "ci_script_decoded.sh").exists()
    assert any(not is_json(path.read_bytes()) for path in DOCUMENTS), "one has a comma too many"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_bytes_are_kept_or_the_fault_is_named(api, path):
    document = object_bytes(path)
    before = api.count()
    reply = api.post("/v1/job", body_of(document))
    if not is_json(document):
        assert (reply.status, reply.code) == (400, "WRONG_PARAM")
        assert reply.msg and api.count() == before
        return
    job_id = reply.payload["jobID"]
    assert document in api.get(f"/v1/job/config/{job_id}").raw
    end = api.wait_final(job_id)
    assert (end["state"], end["reasonCode"]) == ("failed", "no_translator")
    assert "no TemplateTranslator for kind Foreign" in end["reason"]


def steps_to_roles(call):
    """What a translator for the old pipeline documents does: a step is a container."""
    roles = []
    for task in call.job["pipeline"]:
        containers = [{"name": "main", "image": step["image"],
                       "command": step["entrypoint"] + step["command"],
                       "env": [{"name": n, "value": v} for n, v in step["environment"].items()]}
                      for step in task["steps"]]
        roles.append({"name": task["alias"].lower(), "replicas": 1,
                      "template": {"spec": {"containers": containers[:1]}}})
    return taskset(*roles)


def test_a_pipeline_with_images_is_refused_in_words(api, plugin_server):
    api.register(feature("old", plugin("TemplateTranslator", plugin_server.on("/t", steps_to_roles))))
    document = object_bytes(FOLDER / "exec_old_request.json")
    job_id = api.submit(body_of(document))
    end = api.wait_final(job_id)
    assert (end["state"], end["reasonCode"]) == ("failed", "engine_refused")
    assert "image" in end["reason"]
    [call] = plugin_server.at("/t")
    assert call.job == json.loads(document)


def test_the_decoded_script_runs(api):
    """The script of that pipeline, its java replaced by echo, through the same base64."""
    text = (FOLDER / "ci_script_decoded.sh").read_text(encoding="utf-8")
    fake = "java() { echo \"java $*\"; }\n"
    encoded = base64.b64encode((fake + text).encode()).decode()
    document = taskset(role("word", "", container={
        "command": ["/bin/bash", "-c", "echo $CI_SCRIPT | base64 -d | /bin/bash -e"],
        "env": [{"name": "CI_SCRIPT", "value": encoded}]}))
    job_id = api.submit(job(document))
    api.wait_state(job_id, "succeeded")
    log = api.logs(job_id)
    assert "+ java -cp" in log and "java -cp /datavolume/pdf_to_word" in log


def test_text_of_every_kind_survives(api):
    text = "größe 漢字 \U0001f600 \\ \" \u2028 \u0000 end"
    document = taskset(role("main", "true"))
    document["metadata"]["annotations"] = {"text": text}
    job_id = api.submit(job(document, name="größe 漢字", header={"note": text}))
    api.wait_state(job_id, "succeeded")
    assert api.good("GET", f"/v1/job/config/{job_id}") == document
    assert api.taskset(job_id)["metadata"]["annotations"]["text"] == text
    assert api.job(job_id)["name"] == "größe 漢字"


def test_exact_numbers_survive(api):
    numbers = b'[0, -0, 1.0, 1e400, 12345678901234567890123456789, 0.1234567890123456789, -1.5E-7]'
    document = json.dumps(taskset(role("main", "true"))).encode()[:-1] + b', "numbers": ' + numbers + b"}"
    job_id = api.submit(b'{"userID":"a","jobName":"n","jobKind":"TaskSet","job":' + document + b"}")
    api.wait_state(job_id, "succeeded")
    assert numbers in api.get(f"/v1/job/config/{job_id}").raw
    kept = api.get(f"/v1/job/taskset/{job_id}").raw
    assert b"12345678901234567890123456789" in kept and b"1e400" in kept
    assert b"0.1234567890123456789" in kept
